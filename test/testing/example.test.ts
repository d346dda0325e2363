import { createSession } from 'inbox-session'
import { createTestBrowser } from 'inbox-session/testing'
import { expect, test } from 'vitest'

test('a backend that is down for ten minutes signs nobody out', async () => {
  const browser = createTestBrowser()
  browser.backend.lifetime = 900 // seconds
  const tab = browser.tab()
  const session = createSession({ source: tab.source, environment: tab }) // your own set-up goes here
  session.signIn('user-42')
  await browser.advance(1_000)
  browser.backend.fail({ status: 503 })
  await browser.advance(10 * 60_000)
  expect(await session.getToken()).toBe(browser.backend.tokens[0]) // still good, and still served
  browser.backend.mend()
  await browser.advance(60_000)
  expect(session.state.status).toBe('fresh')
})
