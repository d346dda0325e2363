import { fromEndpoint } from 'inbox-session'
import type { Backend } from './source.js'
import { type Scene, createScene } from './scene.js'
import type { World } from './world.js'

export interface Running extends Scene {
  readonly first: string
}

/** A session that holds a token of an hour, shortly before the first refresh can come. */
export async function onItsWay(random?: () => number): Promise<Running> {
  const scene = createScene({ ...(random && { random }) })
  scene.session.signIn('ann')
  const first = await scene.session.getToken()
  await scene.world.advance(358_000)
  return { ...scene, first }
}

/** Goes on until the next call of the source, and what follows from it. */
export async function nextCall({ backend, world }: { backend: Backend; world: World }): Promise<void> {
  for (const { length } = backend.calls; backend.calls.length === length;) await world.advance(1_000)
  for (let turn = 0; turn < 3; turn++) await world.flush()
}

/** A source behind an endpoint that always responds so. */
export const http = (status: number, headers: HeadersInit = {}, body: BodyInit | null = '{}'): (() => unknown) => {
  const source = fromEndpoint('http://127.0.0.1/token', { fetch: async () => new Response(body, { status, headers }) })
  return source as () => unknown
}
