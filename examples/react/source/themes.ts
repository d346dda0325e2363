import type { CourierInboxTheme } from '@trycourier/courier-react'
import type { EngagespotProps } from '@engagespot/react-component'
import type { NotificationFeedProps } from '@suprsend/react'

// All three take any CSS colour, so they take the page's own, which know light from dark.
const ink = 'var(--ink)'
const soft = 'var(--soft)'
const panel = 'var(--panel)'
const hover = 'var(--sunken)'
const line = '1px solid var(--line)'
const accent = 'var(--accent)'

const text = (size: string, color = ink) => ({ family: 'inherit', size, color })
const title = { ...text('14px'), weight: '600' }

export const courierTheme: CourierInboxTheme = {
  inbox: {
    header: {
      backgroundColor: panel,
      shadow: 'none',
      border: line,
      feeds: {
        button: {
          font: title,
          selectedFeedIconColor: ink,
          hoverBackgroundColor: hover,
          unreadCountIndicator: { backgroundColor: accent, font: text('11px', panel) },
        },
        menu: { backgroundColor: panel, border: line, list: { font: text('13px') } },
      },
      actions: { button: { icon: { color: soft } }, menu: { backgroundColor: panel, border: line } },
    },
    list: {
      backgroundColor: panel,
      item: {
        unreadIndicatorColor: accent,
        backgroundColor: panel,
        hoverBackgroundColor: hover,
        title,
        subtitle: text('13px', soft),
        time: text('12px', soft),
        divider: line,
      },
    },
    loading: { animation: { barColor: hover }, divider: line },
    empty: { title: { font: text('14px', soft), text: 'Nothing here yet' } },
    error: { title: { font: text('14px', soft) } },
  },
}

export const engagespotTheme: NonNullable<EngagespotProps['theme']> = {
  colors: { brandingPrimary: panel, colorPrimary: ink, colorSecondary: soft },
  panel: { width: '100%', height: 'auto', boxShadow: 'none', arrowSize: '0' },
  header: { fontColor: ink, fontSize: '14px', fontWeight: '600', borderBottom: line },
  feed: { background: panel, placeholderTextColor: soft, height: 'auto' },
  feedItem: {
    border: line,
    background: panel,
    hoverBackground: hover,
    notificationDot: accent,
    headerColor: ink,
    headerFontWeight: '600',
    descriptionColor: soft,
    descriptionSize: '13px',
    dateColor: soft,
    placeHolderBackground: hover,
    placeHolderGradient: 'none',
  },
  footer: { background: panel, fontColor: soft, border: line },
  headerDropdown: { iconFill: soft, menuBackground: panel, menuItemTextColor: ink, menuItemHoverBackground: hover },
  dropdown: { iconFill: soft, menuBackground: panel, menuItemTextColor: ink, menuItemHoverBackground: hover },
}

export const suprsendTheme: NonNullable<NotificationFeedProps['theme']> = {
  header: {
    container: { backgroundColor: panel, borderBottom: line, boxShadow: 'none' },
    headerText: { color: ink, fontSize: 14, fontFamily: 'inherit' },
    markAllReadText: { color: accent, fontFamily: 'inherit' },
  },
  notificationsContainer: {
    container: { backgroundColor: panel, minHeight: '100%' },
    noNotificationsText: { color: ink },
    noNotificationsSubtext: { color: soft },
    loader: { color: accent },
  },
  notification: {
    container: {
      borderBottom: line,
      readBackgroundColor: panel,
      unreadBackgroundColor: panel,
      hoverBackgroundColor: hover,
    },
    headerText: { color: ink, fontWeight: 600, fontFamily: 'inherit' },
    bodyText: { color: soft, fontFamily: 'inherit' },
    unseenDot: { backgroundColor: accent },
    createdOnText: { color: soft },
    actionsMenuIcon: { color: soft, hoverBackgroundColor: hover },
    actionsMenu: { backgroundColor: panel, borderColor: 'var(--line)' },
    actionsMenuItem: { hoverBackgroundColor: hover },
    actionsMenuItemIcon: { color: soft },
    actionsMenuItemText: { color: soft },
  },
}
