type Child = Node | string | false | null | undefined
type Attributes = Record<string, string | number | boolean | undefined>

const set = (element: Element, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) element.removeAttribute(name)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
}

/** An HTML element with attributes and children. */
export function html<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  set(element, attributes)
  element.append(...children.filter((child): child is Node | string => Boolean(child)))
  return element
}

/** An SVG element with attributes and children. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  set(element, attributes)
  element.append(...children.filter((child): child is Node | string => Boolean(child)))
  return element
}

/** The element with that id, which the page's HTML holds. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (!element) throw new Error(`The page has no element #${id}.`)
  return element
}

const written = new WeakMap<Element, string>()

/** Writes text only where it differs from the last time: cheap enough for every frame. */
export function write(element: Element, text: string): void {
  if (written.get(element) === text) return
  written.set(element, text)
  element.textContent = text
}

export const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)')
