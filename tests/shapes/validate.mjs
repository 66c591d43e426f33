// node validate.mjs <schema.json> < bodies: for each line "yes" or "no <why>", as ajv (JSON Schema 2020-12) sees it. Bodies that are no
// JSON are "no json".
import { readFileSync } from 'node:fs'
import Ajv2020 from 'ajv/dist/2020.js'

const validate = new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(process.argv[2], 'utf8')))
const said = readFileSync(0, 'utf8').replace(/\n$/, '').split('\n').map(line => {
  let body
  try {
    body = JSON.parse(line)
  } catch {
    return 'no json'
  }
  return validate(body) ? 'yes' : `no ${validate.errors[0].instancePath} ${validate.errors[0].message}`
})
console.log(said.join('\n'))
