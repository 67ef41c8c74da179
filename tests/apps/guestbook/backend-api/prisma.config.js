const path = require('node:path')
const { defineConfig } = require('prisma/config')

// Without it every Prisma CLI command, `generate` too, first downloads the native schema engine.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= path.join(__dirname, 'schema-engine', 'cli.mjs')
process.env.CHECKPOINT_DISABLE ??= '1'

module.exports = defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_URL ?? '' },
})
