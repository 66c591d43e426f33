// The way of a document through the main machine: the stations that the definition names, what was passed, where it is now.
import { actionsOf, allowedFrom } from './definition.js'

const transitions = definition => actionsOf(definition).filter(action => action.machine === 'main' && action.kind === 'transition')

/** The station that a state counts as: itself, or for a return the station from which one goes on with the same action. */
function stationOf(definition, stations, state) {
  if (stations.includes(state)) return state
  const onward = transitions(definition).find(action => allowedFrom(action, state) && stations.includes(action.to) && !action.from.includes('*'))
  return stations.find(code => onward?.from.includes(code)) || ''
}

/** Who acts next: of the actions that lead onwards. Nobody when the way is over. */
function holderOf(definition, stations, state) {
  const at = stations.indexOf(stationOf(definition, stations, state))
  const onward = transitions(definition).find(action => allowedFrom(action, state) && stations.indexOf(action.to) > at)
  return onward?.by || ''
}

/** {stations: [{code, passed, now, at}], steps: [{event, back}], loops: [{from, to, count}], holder, since}; events oldest first. */
export function flowOf(definition, state, events) {
  const { states } = definition.machines.main
  const names = new Set(['create', ...transitions(definition).map(action => action.name)])
  const stations = [...definition.flow]
  // an end beside the way (revoked, say) stands after it
  if (!stationOf(definition, stations, state)) stations.push(state)
  const steps = events.filter(event => names.has(event.action) && states[event.to?.code])
  const place = code => stations.indexOf(stationOf(definition, stations, code))
  const arrived = new Map(), loops = new Map()
  let furthest = 0
  for (const step of steps) {
    const from = place(step.from?.code), to = place(step.to.code)
    step.back = from >= 0 && to >= 0 && to < from
    if (to >= 0) arrived.set(to, step.at)
    furthest = Math.max(furthest, to)
    if (step.back) { const key = `${from}-${to}`; loops.set(key, { from, to, count: (loops.get(key)?.count || 0) + 1 }) }
  }
  const now = place(state)
  const since = [...steps].reverse().find(step => step.to.code === state)?.at || steps[steps.length - 1]?.at
  return { steps, loops: [...loops.values()], holder: holderOf(definition, stations, state), since,
    stations: stations.map((code, index) => ({ code, now: index === now, passed: index < now, at: index <= now ? arrived.get(index) : undefined })) }
}
