import { run } from '../run.js'
import { startServerRendered } from './start.js'

await run('server-rendered', 4430, startServerRendered)
