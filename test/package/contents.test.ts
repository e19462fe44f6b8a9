import { globSync } from 'node:fs'
import t from 'tap'
import { pack, root } from './tarball.ts'

t.test('the package holds the compiled sources, their types and the documents, and nothing else', async t => {
  const { paths } = await pack(t)
  const sources = globSync('{lib,types}/**/*.ts', { cwd: root }).map(file => `dist/${file.slice(0, -'.ts'.length)}`)
  const compiled = sources.flatMap(path => [`${path}.d.ts`, `${path}.js`])
  t.ok(compiled.length > 20, 'the sources were found')
  t.strictSame(paths, [...compiled, '.env.example', 'LICENSE', 'README.md', 'package.json'].sort(), 'as built by `npm run build`')
})
