import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { type Walk, walk } from '../../lib/catalog/walk.ts'

const owner = '00000000-0000-4000-8000-000000000001'
const other = '00000000-0000-4000-8000-000000000002'
const at = (path: string, whose = owner) => ({ owner: whose, path, optional: false })
const names = ({ files }: Walk) => files.map(({ name }) => name)
const problems = (walked: Walk) => walked.problems.map(({ code, file }) => [code, file])

t.test('finds files and folders with an index, by code point', async t => {
  const path = realpathSync(t.testdir({
    'b.ts': '',
    'a.mts': '',
    'Z.js': '',
    '9.mjs': '',
    'a-b.ts': '',
    a_b: { 'index.mjs': '' },
    typed: { 'index.mjs': '', 'index.js': '', 'index.mts': '', 'index.ts': '' },
    scripted: { 'index.mjs': '', 'index.js': '' },
    'index.ts': ''
  }))
  const walked = await walk([at(path)])
  t.same(walked.problems, [])
  t.same(names(walked), ['9', 'Z', 'a-b', 'a', 'a_b', 'b', 'index', 'scripted', 'typed'])
  t.same(walked.files.filter(({ name }) => ['b', 'scripted', 'typed'].includes(name)), [
    { owner, name: 'b', file: join(path, 'b.ts'), folder: undefined, directory: path },
    { owner, name: 'scripted', file: join(path, 'scripted/index.js'), folder: join(path, 'scripted'), directory: path },
    { owner, name: 'typed', file: join(path, 'typed/index.ts'), folder: join(path, 'typed'), directory: path }
  ])
})

t.test('is silent about what nobody means to be a module', async t => {
  const path = t.testdir({
    '.env': '',
    '.hidden.ts': '',
    '.git': { 'index.ts': '' },
    '_helper.ts': '',
    __tests__: { 'index.ts': '' },
    'types.d.ts': '',
    'types.d.mts': '',
    'a.test.ts': '',
    'a.test.helper.js': '',
    node_modules: { 'index.js': '' },
    'README.md': '',
    'data.json': '',
    'old.cjs': '',
    'view.tsx': '',
    LICENSE: '',
    '.x.swp': '',
    'x.ts~': '',
    '#x.ts#': '',
    4913: '',
    'x.ts.bak': '',
    'lost+found': {},
    'with space': { 'main.ts': '' }
  })
  symlinkSync('nowhere', join(path, '.#x.ts'))
  symlinkSync('nowhere', join(path, 'broken.txt'))
  execFileSync('mkfifo', [join(path, 'pipe')])
  t.same(await walk([at(path)]), { files: [], folders: [join(path, 'lost+found'), join(path, 'with space')], problems: [] })
})

t.test('tells of folders that an index would make modules', async t => {
  const path = t.testdir({ empty: {}, full: { 'index.ts': '' }, _ignored: {}, node_modules: {}, reserved: {}, 'a.ts': '' })
  t.same((await walk([at(path)])).folders, ['empty', 'full', 'reserved'].map(name => join(path, name)))
})

t.test('refuses names that no URL can have, and the platform\'s own', async t => {
  const path = t.testdir({
    'a b.ts': '',
    'é.ts': '',
    'v1.2.ts': '',
    'x.y': { 'index.ts': '' },
    'tenant-api.js': '',
    'module-api': { 'index.ts': '' },
    'good.ts': ''
  })
  const walked = await walk([at(path)])
  t.same(names(walked), ['good'])
  const refused = ['a b.ts', 'module-api', 'tenant-api.js', 'v1.2.ts', 'x.y', 'é.ts']
  t.same(problems(walked), refused.map(name => ['FMS_ERR_NAME', join(path, name)]))
  t.equal(walked.problems[0]?.message, `expected letters, digits, "-" and "_"; found "a b"; rename ${join(path, 'a b.ts')}`)
  t.match(walked.problems[1], { owner, message: /the platform's own; found "module-api"/ })
})

t.test('refuses a name that is not UTF-8', async t => {
  const path = t.testdir({})
  writeFileSync(Buffer.concat([Buffer.from(`${path}/caf`), Buffer.from([0xe9]), Buffer.from('.ts')]), '')
  t.match((await walk([at(path)])).problems, [{ code: 'FMS_ERR_NAME' }])
})

t.test('leaves two files of one name to its caller, in their order', async t => {
  const path = t.testdir({ a: { 'index.ts': '' }, 'a.js': '', 'a.ts': '' })
  t.same((await walk([at(path)])).files.map(({ file }) => file), ['a/index.ts', 'a.js', 'a.ts'].map(name => join(path, name)))
})

t.test('goes through directories in their order', async t => {
  const path = t.testdir({ second: { 'a.ts': '' }, first: { 'b.ts': '', 'a.ts': '', 'bad name.ts': '' }, third: { 'bad name.ts': '' } })
  const walked = await walk([at(join(path, 'first')), at(join(path, 'second'), other), at(join(path, 'third'), other)])
  t.same(walked.files.map(({ owner, name }) => [owner, name]), [[owner, 'a'], [owner, 'b'], [other, 'a']])
  t.same(walked.problems.map(({ owner }) => owner), [owner, other])
})

t.test('follows links that stay inside, under the name of the link', async t => {
  const path = t.testdir({ '_real.ts': '', _folder: { 'index.ts': '', 'entry.ts': '' }, inner: { 'entry.ts': '' } })
  symlinkSync('_real.ts', join(path, 'linked.ts'))
  symlinkSync(join(path, '_folder'), join(path, 'folder'))
  symlinkSync('entry.ts', join(path, 'inner/index.ts'))
  const walked = await walk([at(path)])
  t.same(walked.problems, [])
  t.same(walked.files.map(({ name, file }) => [name, file]),
    [['folder', join(path, 'folder/index.ts')], ['inner', join(path, 'inner/index.ts')], ['linked', join(path, 'linked.ts')]])
})

t.test('takes a plugin directory that is a link for the directory that it leads to', async t => {
  const path = t.testdir({ real: { 'a.ts': '', 'b.ts': '' } })
  symlinkSync('real', join(path, 'link'))
  symlinkSync('b.ts', join(path, 'real/c.ts'))
  const walked = await walk([at(join(path, 'link'))])
  t.same([names(walked), walked.problems], [['a', 'b', 'c'], []])
})

t.test('refuses links that leave the directory, and names both ends', async t => {
  const path = realpathSync(t.testdir({ plugins: { 'fine.ts': '', inner: {} }, plugins2: { 'index.ts': '' }, 'outside.ts': '' }))
  const inside = (name: string) => join(path, 'plugins', name)
  symlinkSync('../outside.ts', inside('file.ts'))
  // Begins with the directory's own path, but is its neighbour.
  symlinkSync('../plugins2', inside('folder'))
  symlinkSync('../../outside.ts', inside('inner/index.ts'))
  symlinkSync('inner/index.ts', inside('twice.ts'))
  symlinkSync('.', inside('itself'))
  writeFileSync(inside('index.ts'), '')
  symlinkSync('/', inside('root'))
  const walked = await walk([at(join(path, 'plugins'))])
  // A link to the directory itself leads to a file that is inside, and `/` has no index.
  t.same(names(walked), ['fine', 'index', 'itself'])
  t.same(problems(walked), ['file.ts', 'folder/index.ts', 'inner/index.ts', 'twice.ts'].map(name => ['FMS_ERR_FILE', inside(name)]))
  t.ok(walked.problems[0]?.message.includes(`${inside('file.ts')}, which leads out to ${join(path, 'outside.ts')};`))
})

t.test('refuses links that lead nowhere', async t => {
  const path = t.testdir({ folder: {} })
  symlinkSync('nowhere.ts', join(path, 'broken.ts'))
  symlinkSync('nowhere', join(path, 'broken-folder'))
  symlinkSync('gone.ts', join(path, 'folder/index.ts'))
  symlinkSync('ring.ts', join(path, 'ring.ts'))
  const walked = await walk([at(path)])
  t.same(walked.files, [])
  t.same(problems(walked), ['broken-folder', 'broken.ts', 'folder/index.ts', 'ring.ts'].map(name => ['FMS_ERR_FILE', join(path, name)]))
  t.match(walked.problems[1]?.message, /broken\.ts, a link to nowhere\.ts, which does not exist; mend or delete the link$/)
  t.match(walked.problems[3]?.message, /ring\.ts, a link to ring\.ts, which leads back to it/)
})

t.test('refuses what is no regular file without opening it', async t => {
  const path = t.testdir({ folder: { 'index.ts': {} }, piped: {} })
  execFileSync('mkfifo', [join(path, 'pipe.ts'), join(path, 'piped/index.js')])
  symlinkSync('pipe.ts', join(path, 'to-pipe.ts'))
  // Through the working directory, since the path of a socket may have 107 bytes at most.
  const server = createServer()
  const before = process.cwd()
  process.chdir(path)
  server.listen('socket.ts')
  await once(server, 'listening')
  process.chdir(before)
  try {
    const walked = await walk([at(path)])
    t.same(walked.files, [])
    t.same(problems(walked),
      ['folder/index.ts', 'pipe.ts', 'piped/index.js', 'socket.ts', 'to-pipe.ts'].map(name => ['FMS_ERR_FILE', join(path, name)]))
  } finally {
    server.close()
  }
})

t.test('reports directories that cannot be listed and goes on with the others', async t => {
  const path = t.testdir({ good: { 'a.ts': '' }, file: '' })
  const walked = await walk(['missing', 'good', 'file'].map(name => at(join(path, name))))
  t.same(names(walked), ['a'])
  t.same(problems(walked), [['FMS_ERR_DIRECTORY', join(path, 'missing')], ['FMS_ERR_DIRECTORY', join(path, 'file')]])
  t.match(walked.problems[0]?.message, /^expected a directory.*found nothing at/)
  t.match(walked.problems[1]?.message, /found ENOTDIR at/)
})

t.test('reports what the process may not read', async t => {
  // Not below the checkout, whose parents another user may not pass.
  const path = mkdtempSync(join(tmpdir(), 'walk-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  chmodSync(path, 0o755)
  for (const name of ['plugins/closed', 'plugins/lost+found', 'locked']) mkdirSync(join(path, name), { recursive: true })
  for (const name of ['plugins/open.ts', 'plugins/secret.ts', 'plugins/closed/index.ts']) writeFileSync(join(path, name), '')
  for (const name of ['plugins/secret.ts', 'plugins/closed', 'plugins/lost+found', 'locked']) chmodSync(join(path, name), 0)
  // Root may read everything, so become nobody, after the import, which nobody might not be allowed.
  const script = `
    import { walk } from ${JSON.stringify(import.meta.resolve('../../lib/catalog/walk.ts'))}
    if (process.getuid() === 0) process.setuid(65534)
    console.log(JSON.stringify(await walk(${JSON.stringify(['plugins', 'locked'].map(name => at(join(path, name))))})))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 30_000 })
  for (const name of ['plugins/closed', 'plugins/lost+found', 'locked']) chmodSync(join(path, name), 0o755)
  const walked = JSON.parse(stdout) as Walk
  t.same(names(walked), ['open'])
  t.same(problems(walked), [
    ['FMS_ERR_FILE', join(path, 'plugins/closed')],
    ['FMS_ERR_FILE', join(path, 'plugins/secret.ts')],
    ['FMS_ERR_DIRECTORY', join(path, 'locked')]
  ])
  for (const { message } of walked.problems) t.match(message, /found EACCES at .*; .*mend its permissions/)
})

t.test('says nothing of files that vanish while it looks', async t => {
  const path = t.testdir({})
  const done = new AbortController()
  const churning = (async () => {
    for (let i = 0; !done.signal.aborted; i++) {
      writeFileSync(join(path, `a${i}.ts`), '')
      // So that a walk comes in between.
      await new Promise(resolve => setImmediate(resolve))
      rmSync(join(path, `a${i}.ts`))
    }
  })()
  const reported = []
  for (let i = 0; i < 200; i++) reported.push(...(await walk([at(path)])).problems)
  done.abort()
  await churning
  t.same(reported, [])
})
