import { html, write } from './dom.js'
import type { DemoState, Fault } from './api.js'
import { duration } from './words.js'

export interface Actions {
  fault(fault: Fault): void
  revoke(): void
  send(): void
  refresh(): void
  life(seconds: number): void
  user(id: string): void
  signOut(): void
}

/** The lives the slider offers, in seconds. */
const lives = [10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600]

const faults: { fault: Fault; label: string; hint: string }[] = [
  { fault: 'down', label: 'Backend down', hint: 'The token endpoint answers 503' },
  { fault: '401', label: 'Backend says 401', hint: 'The token endpoint says nobody is signed in: final' },
  { fault: 'slow', label: 'Slow backend', hint: 'Each token takes six seconds' },
  { fault: 'garbage', label: 'Garbage answer', hint: 'The token endpoint answers with an HTML page and status 200' },
]

const button = (label: string, attributes: Record<string, string | undefined>, act: () => void) => {
  const element = html('button', { type: 'button', ...attributes }, label)
  element.addEventListener('click', act)
  return element
}

/** The buttons that break things, the life of tokens, and a message. Returns what shows the backend's state on them. */
export function createControls(root: HTMLElement, actions: Actions): (state: DemoState) => void {
  let active: Fault = 'none'
  const toggles = faults.map(({ fault, label, hint }) =>
    button(label, { class: 'toggle', 'data-action': fault, 'aria-pressed': 'false', title: hint }, () =>
      actions.fault(active === fault ? 'none' : fault),
    ),
  )
  const slider = html('input', {
    type: 'range',
    id: 'life',
    min: 0,
    max: lives.length - 1,
    step: 1,
    'data-action': 'life',
  })
  const output = html('output', { for: 'life' })
  const chosen = () => lives[Number(slider.value)] ?? 60
  const say = () => {
    write(output, duration(chosen() * 1000))
    slider.setAttribute('aria-valuetext', `${duration(chosen() * 1000)}, from the next token on`)
  }
  slider.addEventListener('input', say)
  slider.addEventListener('change', () => actions.life(chosen()))

  root.append(
    html('div', { class: 'group', role: 'group', 'aria-label': 'Break the backend' }, ...toggles),
    button(
      'Provider refuses the token',
      { class: 'strike', 'data-action': 'revoke', title: 'The providers refuse every token they have seen so far' },
      actions.revoke,
    ),
    html(
      'div',
      { class: 'life' },
      html('label', { for: 'life' }, 'Token life'),
      slider,
      output,
      button(
        'Refresh now',
        { class: 'quiet', 'data-action': 'refresh', title: 'Asks for new tokens at once' },
        actions.refresh,
      ),
    ),
    button('Send a message', { class: 'primary', 'data-action': 'send' }, actions.send),
  )

  let held = false
  slider.addEventListener('pointerdown', () => (held = true))
  addEventListener('pointerup', () => (held = false))
  return (state) => {
    active = state.fault
    toggles.forEach((toggle, index) => toggle.setAttribute('aria-pressed', String(faults[index]?.fault === active)))
    if (held) return
    const nearest = lives.findIndex((life) => life >= state.life)
    slider.value = String(nearest < 0 ? lives.length - 1 : nearest)
    say()
  }
}

/** Who is signed in: one button a person, and the way out. */
export function createAccount(
  root: HTMLElement,
  users: DemoState['users'],
  actions: Actions,
): (state: DemoState) => void {
  const people = users.map(({ id, name }) =>
    button(name, { class: 'person', 'data-user': id, 'aria-pressed': 'false' }, () => actions.user(id)),
  )
  const out = button('Sign out', { class: 'quiet', 'data-action': 'sign-out' }, actions.signOut)
  root.append(html('div', { class: 'people', role: 'group', 'aria-label': 'Signed in as' }, ...people), out)
  return ({ user }) => {
    for (const person of people) person.setAttribute('aria-pressed', String(person.dataset.user === user))
    out.disabled = !user
  }
}

/** What the page says while something is broken on purpose. */
export const faultWords: Record<Fault, string> = {
  none: '',
  down: 'backend down (503)',
  '401': 'backend says 401',
  slow: 'slow backend (6 s)',
  garbage: 'garbage answers',
}
