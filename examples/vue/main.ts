import { run } from '../run.js'
import { startVueExample } from './start.js'

await run('vue', 4420, startVueExample)
