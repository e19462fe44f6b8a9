import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { readSettings, type Settings } from '../../lib/options.ts'
import { root } from './tarball.ts'

t.test('.env.example holds the defaults: to copy it changes nothing', async t => {
  const app = Fastify()
  t.teardown(async () => await app.close())
  const { environment: _, ...defaults } = await readSettings(app, { env: false })

  const cwd = process.cwd()
  t.teardown(() => process.chdir(cwd))
  process.chdir(t.testdir({ '.env': readFileSync(join(root, '.env.example'), 'utf8') }))
  const { environment, ...settings } = await readSettings(app, {})
  // Both are in the working directory, which is another now.
  const elsewhere = ({ installation, ...others }: Omit<Settings, 'environment'>) =>
    ({ ...others, directories: [], dataDirectory: '', installation: { ...installation, store: installation.store.kind } })
  t.strictSame(elsewhere(settings), elsewhere(defaults))
  t.equal(settings.dataDirectory, join(process.cwd(), 'data'))
  t.match(settings.directories, [{ owner: 'local', path: join(process.cwd(), 'plugins') }])
})
