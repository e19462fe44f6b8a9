import t from 'tap'
import { checkClass } from './hostile-check.ts'

await checkClass(t, 'cpu', { part: 1, parts: 2 })
