import { StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { embed } from './embed.js'
import type { FirstToken } from './first-token.js'
import { LogIn } from './log-in.js'
import { Page, type PageData, type Person } from './page.js'
import { createInboxSession } from './session.js'

const page = (title: string, body: string): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
${body}
</body>
</html>
`

/** The page of somebody who is logged in. The token stands in one element, and the page's script takes it out of there. */
export function renderPage(data: PageData, first: FirstToken | undefined): string {
  const markup = renderToString(
    <StrictMode>
      <Page inbox={createInboxSession()} data={data} />
    </StrictMode>,
  )
  const embedded = embed('page-data', data) + (first ? embed('first-token', first) : '')
  return page('Inbox', `<div id="root">${markup}</div>\n${embedded}\n<script type="module" src="/client.js"></script>`)
}

/** The page of somebody who is not. It needs no script. */
export const renderLogIn = (people: readonly Person[]): string =>
  page('Log in', renderToString(<LogIn people={people} />))

/** Headers of a page that has a token in it: nobody keeps it, frames it or runs a script of their own in it. */
export const pageHeaders = (provider: string): Record<string, string> => ({
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'content-security-policy': [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self'`,
    `img-src 'self' data:`,
    `connect-src 'self' ${provider} ${provider.replace(/^http/, 'ws')}`,
    `form-action 'self'`,
    `base-uri 'none'`,
    `frame-ancestors 'none'`,
  ].join('; '),
})
