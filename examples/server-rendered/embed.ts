/** Data for the page's scripts, in an element that no browser runs; nothing in the data can end it or begin another one. */
export function embed(id: string, data: unknown): string {
  const text = JSON.stringify(data).replaceAll('<', '\\u003c')
  return `<script type="application/json" id="${id}">${text}</script>`
}

/** What `embed` put into the page. The element goes: scripts that read the page later find nothing. */
export function take<Data>(id: string): Data | undefined {
  const element = document.getElementById(id)
  const text = element?.textContent
  element?.remove()
  try {
    return text ? (JSON.parse(text) as Data) : undefined
  } catch {
    // The parser's message would quote its input.
  }
}
