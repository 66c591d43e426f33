// Several files as one ZIP, stored as they are: for sending them in one request.
const TABLE = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0 })
const crc = bytes => { let c = 0xffffffff; for (const b of bytes) c = TABLE[(c ^ b) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0 }

function record(size, ...fields) { // [bytes, value] one after the other, little endian
  const view = new DataView(new ArrayBuffer(size))
  let at = 0
  for (const [bytes, value] of fields) { if (bytes === 2) view.setUint16(at, value, true); else view.setUint32(at, value, true); at += bytes }
  return view.buffer
}
const NAMES_ARE_UTF8 = 0x0800
const NEW_YEAR_1980 = 0x0021

/** files: File objects. A Blob. */
export async function zipOf(files) {
  const parts = []
  const central = []
  let offset = 0
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer())
    const name = new TextEncoder().encode(file.name)
    const shared = [[2, 20], [2, NAMES_ARE_UTF8], [2, 0], [2, 0], [2, NEW_YEAR_1980], [4, crc(bytes)], [4, bytes.length], [4, bytes.length], [2, name.length], [2, 0]]
    parts.push(record(30, [4, 0x04034b50], ...shared), name, bytes)
    central.push(record(46, [4, 0x02014b50], [2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), name)
    offset += 30 + name.length + bytes.length
  }
  const size = central.reduce((sum, part) => sum + (part.byteLength ?? part.length), 0)
  return new Blob([...parts, ...central, record(22, [4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0])], { type: 'application/zip' })
}
