import type { CourierInboxTheme } from '@trycourier/courier-ui-inbox'

interface Palette {
  ink: string
  soft: string
  panel: string
  line: string
  hover: string
  accent: string
}

function themeOf({ ink, soft, panel, line, hover, accent }: Palette): string {
  const text = { family: 'inherit', size: '14px', color: ink }
  const small = { family: 'inherit', size: '13px', color: soft }
  const icon = { color: soft }
  const theme: CourierInboxTheme = {
    inbox: {
      header: {
        backgroundColor: panel,
        shadow: 'none',
        border: `1px solid ${line}`,
        feeds: {
          button: {
            font: { ...text, weight: '600' },
            selectedFeedIconColor: ink,
            unreadCountIndicator: { backgroundColor: accent },
          },
        },
        actions: { button: { icon } },
      },
      list: {
        backgroundColor: panel,
        item: {
          unreadIndicatorColor: accent,
          backgroundColor: panel,
          hoverBackgroundColor: hover,
          title: { ...text, weight: '600' },
          subtitle: small,
          time: { ...small, size: '12px' },
          divider: `1px solid ${line}`,
        },
      },
      loading: { animation: { barColor: hover }, divider: `1px solid ${line}` },
      empty: { title: { font: small, text: 'Nothing here yet' } },
    },
  }
  return JSON.stringify(theme)
}

/** As attributes of the element: the page's own colours. */
export const light = themeOf({
  ink: '#1b1e24',
  soft: '#5a6270',
  panel: '#ffffff',
  line: '#e4e7ec',
  hover: '#f4f5f8',
  accent: '#6b4fbb',
})
export const dark = themeOf({
  ink: '#e8ebf0',
  soft: '#a2abb9',
  panel: '#171b21',
  line: '#2a313b',
  hover: '#1f242c',
  accent: '#a78bf0',
})
