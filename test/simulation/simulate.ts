import { type Outcome, play } from './play.js'
import { type Scenario, type Step, draw } from './scenario.js'

/** A scenario that fails, cut down to what it takes. */
export interface Failure extends Outcome {
  readonly scenario: Scenario
}

/** Plays a scenario; what is thrown, also out of band, is a failure like any other. */
async function attempt(scenario: Scenario): Promise<Outcome> {
  const loose: string[] = []
  const hear = (reason: unknown): void => void loose.push(`G5: nobody caught ${String(reason)}`)
  process.on('unhandledRejection', hear)
  process.on('uncaughtException', hear)
  try {
    const { broken, log } = await play(scenario)
    await new Promise((resolve) => setImmediate(resolve))
    return { broken: [...broken, ...loose], log }
  } catch (error) {
    return { broken: [`thrown: ${error instanceof Error ? error.stack : String(error)}`], log: [] }
  } finally {
    process.off('unhandledRejection', hear)
    process.off('uncaughtException', hear)
  }
}

const kind = ({ broken }: Outcome): string | undefined => broken[0]?.replace(/\d+/g, '#')

/** Leaves out steps, larger pieces first, while the same thing goes wrong. */
async function cutDown(scenario: Scenario, wrong: string | undefined): Promise<Scenario> {
  let best = scenario
  const tryWith = async (steps: readonly Step[]): Promise<boolean> => {
    const smaller = { ...best, steps }
    const fails = kind(await attempt(smaller)) === wrong
    if (fails) best = smaller
    return fails
  }
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0)
    for (let from = 0; from < best.steps.length;)
      if (!(await tryWith(best.steps.filter((_, index) => index < from || index >= from + size)))) from += size
  for (const one of best.steps)
    if (one.after) await tryWith(best.steps.map((step) => (step === one ? { ...one, after: 0 } : step)))
  return best
}

/** Plays a seed. Undefined: all went well; else the smallest scenario found in which the same thing goes wrong. */
export async function simulate(seed: number): Promise<Failure | undefined> {
  return replay(draw(seed))
}

/** Plays a scenario, and cuts it down if it fails. */
export async function replay(scenario: Scenario): Promise<Failure | undefined> {
  const outcome = await attempt(scenario)
  if (!outcome.broken.length) return undefined
  const smallest = await cutDown(scenario, kind(outcome))
  return { ...(await attempt(smallest)), scenario: smallest }
}

/** For people: what was wrong, what happened, and how to play it again. */
export const report = ({ broken, log, scenario }: Failure): string =>
  [
    `Seed ${scenario.seed}: ${broken[0]}`,
    ...log.slice(-400).map((line) => `  ${line}`),
    `Again: npm run simulate -- --replay '${JSON.stringify(scenario)}'`,
  ].join('\n')
