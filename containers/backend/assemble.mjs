// Sort what the build left in the application's directory into the layers of the final image.
// Usage (in /app): node assemble.mjs STARTED /out      STARTED: a file older than everything that the build wrote
//   /out/generated   what the build changed below node_modules (a Prisma client, patches), without packages that were pruned
//   /out/media       files that seldom change: WebAssembly, native modules, pictures, fonts
//   /out/code/app    the rest of the tree
// /packages and /production are node_modules before the build and after `npm prune`.
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'

const MEDIA = /\.(wasm|node|so|avif|gif|ico|jpe?g|otf|pdf|png|ttf|webp|woff2?|zip|gz|br|onnx|bin)$/i
const LEFT_OUT = new Set(['node_modules', '.npmrc', '.git'])
const CACHES = new Set(['.bin', '.cache', '.package-lock.json', '.vite', '.vite-temp'])

const [started, target] = process.argv.slice(2)
const since = statSync(started).ctimeMs

function copy(file, to) {
  mkdirSync(path.dirname(to), { recursive: true })
  cpSync(file, to, { verbatimSymlinks: true })
  const { mode } = lstatSync(to)
  if (!lstatSync(to).isSymbolicLink()) chmodSync(to, (mode & 0o111 ? 0o755 : 0o644)) // readable for apiuser, whatever the umask was
}

function* files(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name)
    if (entry.isDirectory()) yield* files(file)
    else yield file
  }
}

function generated() {
  for (const file of existsSync('node_modules') ? files('node_modules') : []) {
    const [first, second] = path.relative('node_modules', file).split(path.sep)
    const name = first.startsWith('@') ? path.join(first, second) : first
    if (CACHES.has(first) || lstatSync(file).ctimeMs < since) continue
    if (existsSync(path.join('/packages', name)) && !existsSync(path.join('/production', name))) continue
    copy(file, path.join(target, 'generated', file))
  }
}

function own() {
  for (const entry of readdirSync('.', { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name)) continue
    for (const file of entry.isDirectory() ? files(entry.name) : [entry.name]) {
      copy(file, MEDIA.test(file) ? path.join(target, 'media', file) : path.join(target, 'code/app', file))
    }
  }
}

for (const layer of ['generated', 'media', 'code/app']) mkdirSync(path.join(target, layer), { recursive: true })
generated()
own()
