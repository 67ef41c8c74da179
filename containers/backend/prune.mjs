// After `npm prune --omit=dev`: an application without a migrate script of its own is migrated by Prisma's CLI, so that must be left.
import { existsSync, readFileSync } from 'node:fs'

const { scripts = {} } = JSON.parse(readFileSync('package.json', 'utf8'))
const needed = scripts.migrate === undefined || /\bprisma\b/.test(scripts.migrate)
const locked = readFileSync(existsSync('npm-shrinkwrap.json') ? 'npm-shrinkwrap.json' : 'package-lock.json', 'utf8')
if (needed && locked.includes('"node_modules/prisma"') && !existsSync('node_modules/.bin/prisma')) {
  console.error('backend: migrations need the prisma CLI, which is a devDependency. Remedy: move "prisma" to dependencies')
  process.exit(1)
}
