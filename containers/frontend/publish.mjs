// Publish a build: SOURCE into TARGET/media (pictures, fonts …) and TARGET/code (the rest, with .gz beside what shrinks).
// Usage: node publish.mjs dist /out
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

const MEDIA = /\.(avif|bmp|eot|gif|ico|jpe?g|mp3|mp4|ogg|otf|pdf|png|ttf|webm|webp|woff2?|zip)$/i
const TEXT = /\.(css|html?|ics|js|json|map|mjs|svg|txt|wasm|webmanifest|xml)$/i
const SMALL = 1024 // bytes: below it the header costs more than is won

const [source, target] = process.argv.slice(2)
if (!existsSync(path.join(source, 'index.html'))) {
  console.error(`frontend: "npm run build" left no ${source}/index.html. Remedy: make the build write to web-frontend/dist`)
  process.exit(1)
}
for (const layer of ['media', 'code']) mkdirSync(path.join(target, layer), { recursive: true })
for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue
  const file = path.join(entry.parentPath ?? entry.path, entry.name)
  const copy = path.join(target, MEDIA.test(file) ? 'media' : 'code', path.relative(source, file))
  mkdirSync(path.dirname(copy), { recursive: true, mode: 0o755 })
  cpSync(file, copy)
  chmodSync(copy, 0o644) // nginx reads as uid 101, whatever the workstation's umask was
  if (!TEXT.test(file)) continue
  const content = readFileSync(file)
  const packed = content.length < SMALL ? content : gzipSync(content, { level: 9 })
  if (packed.length < content.length * 0.9) writeFileSync(`${copy}.gz`, packed, { mode: 0o644 })
}
