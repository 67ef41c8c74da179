// Write a script that runs what package.json says, without npm: as PID 1 npm would not pass signals on, and requests in
// flight would be lost. Usage (in the application's directory): node command.mjs start|migrate|generate FILE
//   start      the command of scripts.start, in the shell's place (`env` takes leading NAME=value); check-config has seen that it is one
//   migrate    the command of scripts.migrate, else Prisma's; a one-shot, so the shell may stay
//   generate   Prisma's client, where the application's own scripts do not see to it
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const { name, version, scripts = {} } = JSON.parse(readFileSync('package.json', 'utf8'))

function start() {
  if (!scripts.start) throw new Error('backend: package.json has no scripts.start. Remedy: add the command that starts the server')
  return `exec env ${scripts.start.trim().replace(/^((exec|env|cross-env)\s+)+/, '')}`
}

function generate() {
  const own = ['postinstall', 'prebuild', 'build'].some((script) => /\bgenerate\b/.test(scripts[script] ?? ''))
  return own || !existsSync('node_modules/.bin/prisma') || !existsSync('prisma') ? ':' : 'prisma generate'
}

const commands = { start, migrate: () => scripts.migrate ?? 'exec prisma migrate deploy', generate }
const quoted = (value) => `'${String(value ?? '').replaceAll("'", "'\\''")}'`
const [what, file] = process.argv.slice(2)
mkdirSync(path.dirname(file), { recursive: true })
writeFileSync(
  file,
  `#!/bin/sh
# Written when the image was built, from package.json.
set -e
cd /app
export PATH="/app/node_modules/.bin:$PATH" npm_package_name=${quoted(name)} npm_package_version=${quoted(version)}
${commands[what]()}
`,
  { mode: 0o755 },
)
