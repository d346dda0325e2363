import { run } from '../run.js'
import { startExample } from './start.js'

await run('react', 4410, startExample)
