import { run } from '../run.js'
import { startEmbedded } from './start.js'

await run('embedded', 4440, startEmbedded)
