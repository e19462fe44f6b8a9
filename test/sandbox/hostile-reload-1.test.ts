import t from 'tap'
import { checkClass } from './hostile-check.ts'

await checkClass(t, 'reload', { part: 0, parts: 2 })
