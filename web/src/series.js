// Series of numbers: how many are left. A definition says where a series ends; the programs say how far it is.
import { get } from './api.js'
import { allModules, definitionOf } from './forms.js'

const FEW = 0.1

/** 'exhausted', 'few' (of those from the first to the last) or ''. */
function levelOf(item, first) {
  if (item.exhausted) return 'exhausted'
  return Number(item.left) < (Number(item.last) - first + 1) * FEW ? 'few' : ''
}

/** What the number is called where the definition shows it, or its own name. */
function labelOf(definition, number) {
  const column = definition?.numbers?.[number]?.column
  return definition?.list?.columns.find(item => item.column === column)?.label || number
}

/** Every series of a module, what needs somebody first. */
export async function seriesOf(module) {
  const { series } = await get(`/${module}/admin/series`)
  const items = await Promise.all(series.map(async item => {
    const definition = await definitionOf(module, item.form).catch(() => null)
    return { ...item, id: `${item.form}/${item.number}/${item.series}`, level: levelOf(item, definition?.numbers?.[item.number]?.first || 1), label: labelOf(definition, item.number) }
  }))
  const order = ['exhausted', 'few', '']
  return items.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
}

/** Those of all modules that are used up or nearly so; a module that does not answer is passed over. */
export async function shortSeries() {
  const all = await Promise.all((await allModules()).map(module => seriesOf(module).catch(() => [])))
  return all.flat().filter(item => item.level)
}
