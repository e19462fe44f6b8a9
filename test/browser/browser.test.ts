import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { serveBrowserPage } from '../../examples/browser/serve.ts'
import { produce } from '../../lib/tokens/produce.ts'
import { build, moduleSource, temporaryDirectory } from '../helper.ts'
import { admin, newKey, tenant } from '../owners/owners.ts'

/** Debian's. */
const executable = '/usr/bin/chromium'
/** Generous: the machine may be busy with other tests. */
const WITHIN_MS = 60_000

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'
]

const tokens = join(import.meta.dirname, '../../lib/tokens')

/** A module of the producer's from its source: no build is needed. */
async function source (name: string): Promise<string> {
  const text = readFileSync(join(tokens, name.replace(/\.js$/, '.ts')), 'utf8')
  return stripTypeScriptTypes(text).replaceAll(/from '(\.\/[\w-]+)\.ts'/g, "from '$1.js'")
}

interface Keys { call: string, manage: string }

/** The example's page beside a tenant that has a function; and the tenant's keys, as a person pastes them. */
async function serve (t: Test): Promise<{ url: string, keys: Keys }> {
  const secret = newKey()
  const { app } = await build(t, {
    prefix: '/tenants',
    plugins: [],
    MULTI_TENANT: true,
    ADMIN_ID: admin,
    ADMIN_SECRET: secret,
    SECRETS_KEY: newKey(),
    TENANTS_DIR: t.testdir({ [tenant]: { 'm.ts': moduleSource({ greet: "{ params: ['name'] }, ({ name }) => ({ hello: name })" }) } }),
    TOKENS: 'required',
    before: app => app.register(serveBrowserPage, { prefix: '/browser', source })
  })
  const body = JSON.stringify({ userid: 'ann', uuid: tenant })
  const url = `/tenants/${admin}/tenant-api/register`
  const token = await produce({ kid: `${admin}.first`, key: secret, method: 'POST', url: `http://localhost${url}`, manage: true, body })
  const headers = { host: 'localhost', authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await app.inject({ method: 'POST', url, headers, payload: body })
  t.equal(answer.statusCode, 200)
  const [call, manage] = answer.json().keys.map(({ kid, secret }: { kid: string, secret: string }) => `${kid} ${secret}`)
  return { url: `${await app.listen({ host: '127.0.0.1', port: 0 })}/browser/`, keys: { call, manage } }
}

/** A browser of the test's own, that knows nothing yet. */
async function launch (t: Test): Promise<BrowserContext> {
  const browser = await chromium.launchPersistentContext(temporaryDirectory(t), { executablePath: executable, headless: true, args: flags, timeout: WITHIN_MS })
  t.teardown(() => browser.close())
  browser.setDefaultTimeout(WITHIN_MS)
  return browser
}

async function openPage (t: Test, browser: BrowserContext, url: string): Promise<Page> {
  const page = await browser.newPage()
  page.on('pageerror', error => t.fail(`the page failed: ${error.message}`))
  await page.goto(url)
  return page
}

/** Clicks, and gives what the page then says of it. */
async function click (page: Page, action: string): Promise<string> {
  const lines = page.locator(`#results [data-action=${action}]`)
  const before = await lines.count()
  await page.click(action === 'keep' ? '#keep button' : `#${action}`)
  return await lines.nth(before).textContent() ?? ''
}

async function keep (page: Page, key: string): Promise<string> {
  await page.fill('#secret', key)
  return await click(page, 'keep')
}

t.test('a page calls with single-use tokens', { skip: !existsSync(executable) && `no ${executable}` }, async t => {
  const { url, keys } = await serve(t)
  const browser = await launch(t)
  const page = await openPage(t, browser, url)
  const [kid = '', secret = ''] = keys.call.split(' ')

  t.equal(await click(page, 'call'), 'call: Error: keep a key first')
  t.equal(await keep(page, `${kid} ${secret.slice(1)}`), 'keep: TypeError: key: expected 32 bytes in base64url (43 characters), as it was given out')
  t.equal(await keep(page, keys.call), `keep: ${kid}`)
  t.equal(await page.textContent('#kept'), kid)

  await t.test('each with one of its own, which opens nothing twice', async t => {
    for (let i = 0; i < 3; i++) t.equal(await click(page, 'call'), 'call: 200 {"hello":"Ada"}')
    for (let i = 0; i < 2; i++) t.match(await click(page, 'replay'), /^replay: 401 .*"FMS_ERR_TOKEN"/)
    t.equal(await click(page, 'call'), 'call: 200 {"hello":"Ada"}')
  })

  await t.test('a call key manages nothing', async t => {
    t.match(await click(page, 'manage'), /^manage: 401 .*"FMS_ERR_TOKEN"/)
  })

  await t.test('no script can read the key out', async t => {
    t.match(await click(page, 'export'), /^export: InvalidAccessError: /)
    t.equal(await page.inputValue('#secret'), '')
    const everything = await page.content() + await page.evaluate(`new Promise((resolve, reject) => {
      const opening = indexedDB.open('example-keys')
      opening.onerror = reject
      opening.onsuccess = () => {
        const reading = opening.result.transaction('keys').objectStore('keys').getAll()
        reading.onerror = reject
        reading.onsuccess = () => resolve(JSON.stringify([reading.result, { ...localStorage }, { ...sessionStorage }, document.cookie]))
      }
    })`)
    t.match(everything, kid)
    t.notMatch(everything, secret)
  })

  await t.test('it is there after a reload, in a second page, until it is forgotten', async t => {
    await page.reload()
    t.equal(await click(page, 'call'), 'call: 200 {"hello":"Ada"}')
    const second = await openPage(t, browser, url)
    t.equal(await click(second, 'call'), 'call: 200 {"hello":"Ada"}')
    t.equal(await click(page, 'forget'), 'forget: forgotten')
    t.equal(await page.textContent('#kept'), 'none')
    t.equal(await click(second, 'call'), 'call: Error: keep a key first')
  })

  await t.test('a manage key would manage: the page does what it can', async t => {
    await keep(page, keys.manage)
    t.equal(await click(page, 'manage'), 'manage: 200 {"modules":[]}')
  })
})
