import t from 'tap'
import { checkClass } from './hostile-check.ts'

await checkClass(t, 'memory', { part: 0, parts: 2 })
