// The OpenAPI document against other people's validator. Usage: node validate.mjs <file>
import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'

const document = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const validator = new Validator()
const { valid, errors } = await validator.validate(document)
console.log(valid ? `valid ${validator.version}` : JSON.stringify(errors, null, 1))
if (valid) validator.resolveRefs()
process.exit(valid ? 0 : 1)
