// Shared by all tabs of this browser: one stream for all of them, for a browser opens few connections to one server.
import { openStream } from './stream.js'

const ports = new Map() // port -> who is signed in there
let stop = null, user = ''

function look() {
  const wanted = [...ports.values()].filter(Boolean).pop() || ''
  if (wanted === user) return
  stop?.()
  user = wanted
  stop = user ? openStream('/api/exchange/live', change => { for (const port of ports.keys()) port.postMessage(change) }) : null
}

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data.gone) ports.delete(port)
    else ports.set(port, data.user)
    look()
  }
}
