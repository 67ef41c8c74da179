// Write a script that runs what package.json says, without npm: as PID 1 npm would not pass signals on, and requests in
// flight would be lost. Usage (in the application's directory): node command.mjs start|migrate|generate FILE
//
//   "node dist/server.js"                      → exec env node dist/server.js
//   "NODE_ENV=x cross-env A=b npm run serve"   → exec env NODE_ENV=x A=b <the command of scripts.serve>
//   "node seed.js && node server.js"           → node seed.js && exec env node server.js
// With pipes, ||, & or a subshell the shell stays in front; the build says so.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const KEYWORDS = /^(if|for|while|until|case|exec|cd|export|set|source|ulimit|umask|trap|exit|eval|\.|\(|\{|!)$/

/** Split a shell command at its top-level && and ; — or return null where only a shell can tell what it means. */
export function parts(command) {
  const found = ['']
  let quote = ''
  for (let i = 0; i < command.length; i++) {
    const char = command[i]
    if (quote) {
      if (char === '\\' && quote === '"') found[found.length - 1] += command[i++]
      else if (char === quote) quote = ''
      else if (char === '`' || (char === '$' && command[i + 1] === '(')) return null
    } else if (char === "'" || char === '"') quote = char
    else if (char === '\\') found[found.length - 1] += command[i++]
    else if (char === '&' && command[i + 1] === '&') {
      found.push('&&', '')
      i++
      continue
    } else if (char === ';' || char === '\n') {
      found.push(';', '')
      continue
    } else if ('&|(){}`<>#'.includes(char) || (char === '$' && command[i + 1] === '(')) {
      // A redirection at the end of a simple command is harmless; what it belongs to is not worth parsing.
      if (char !== '<' && char !== '>') return null
    }
    found[found.length - 1] += command[i] ?? ''
  }
  return quote ? null : found.map((part) => part.trim())
}

/** Replace `npm run NAME`, `npm start` and the like by the command itself; npx and cross-env by what they start. */
export function resolved(command, scripts, depth = 0) {
  if (depth > 10) throw new Error(`scripts call each other in a circle: ${command}`)
  const assignments = /^((?:[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s"'&|;]*)\s+)*)/.exec(command)[1]
  const rest = command.slice(assignments.length)
  const script = /^(?:npm|yarn|pnpm)\s+(?:run(?:-script)?\s+)?(?:(?:-s|--silent|--quiet)\s+)*([\w:.-]+)(?:\s+--)?((?:\s+.*)?)$/s.exec(rest)
  if (script && scripts[script[1]] !== undefined) {
    const inner = parts(scripts[script[1]])
    if (inner === null || inner.length > 1) return assignments.trim() || script[2].trim() ? command : scripts[script[1]]
    return assignments + resolved(scripts[script[1]] + script[2], scripts, depth + 1)
  }
  const tool = /^(?:npx\s+(?:(?:-y|--yes|--no|--no-install|--)\s+)*|cross-env\s+|env\s+)(?=[^\s-])/.exec(rest)
  if (tool) return assignments + resolved(rest.slice(tool[0].length), scripts, depth + 1)
  return command
}

/** The shell text that runs `command` and ends as it, in the same process wherever that can be done. */
export function executed(command, scripts) {
  let text = command.trim()
  for (let before = ''; before !== text; ) {
    before = text
    const found = parts(text)
    if (found === null) return { text: before, direct: false }
    text = found.map((part) => (part === '&&' || part === ';' || part === '' ? part : resolved(part, scripts))).join(' ').trim()
  }
  const found = parts(text).filter((part, index, all) => part !== '' || index < all.length - 1)
  while (found.length && (found.at(-1) === ';' || found.at(-1) === '')) found.pop()
  const last = found.pop() ?? ''
  const first = last.replace(/^(?:[A-Za-z_]\w*=\S*\s+)*/, '').split(/\s/)[0]
  if (KEYWORDS.test(first)) return { text, direct: false }
  return { text: [...found, `exec env ${last}`].join(' '), direct: true }
}

function generateCommand({ scripts }) {
  const own = ['postinstall', 'prebuild', 'build'].some((name) => /prisma\s+generate|npm run generate|run\s+generate/.test(scripts[name] ?? ''))
  const possible = existsSync('node_modules/.bin/prisma') && (existsSync('prisma/schema.prisma') || existsSync('prisma'))
  return own || !possible ? ':' : 'node_modules/.bin/prisma generate'
}

function commandOf(name, { scripts }) {
  if (scripts[name]) return scripts[name]
  if (name === 'migrate') return 'prisma migrate deploy'
  throw new Error(`backend: package.json has no scripts.${name}. Remedy: add the command that starts the server`)
}

function main(name, file) {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  const about = { ...manifest, scripts: manifest.scripts ?? {} }
  if (name === 'generate') return writeFileSync(file, `${generateCommand(about)}\n`)
  const { text, direct } = executed(commandOf(name, about), about.scripts)
  if (!direct) console.error(`backend: scripts.${name} needs a shell in front of it; signals reach the shell only: ${text}`)
  const quoted = (value) => `'${String(value ?? '').replaceAll("'", "'\\''")}'`
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(
    file,
    `#!/bin/sh
# Written at build time from scripts.${name} of package.json.
set -eu
cd /app
export npm_package_name=${quoted(about.name)} npm_package_version=${quoted(about.version)}
${text}
`,
    { mode: 0o755 },
  )
}

if (process.argv[1] === import.meta.filename || process.argv[1]?.endsWith('command.mjs')) {
  try {
    main(process.argv[2], process.argv[3])
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
