import t from 'tap'
import { checkClass } from './hostile-check.ts'

await checkClass(t, 'escape', { part: 1, parts: 2 })
