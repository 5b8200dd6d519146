/**
 * Draws the columns. Elements are kept by card id, so that focus, animation and drags survive every
 * change; text from events only ever becomes text.
 *
 * @typedef {import('./cards.js').Card} Card
 */
import { ZONES } from './cards.js';
import { ZONE_NAMES } from './words.js';

const COLUMN_LIMIT = 100;
const GLIDE = Object.freeze({ duration: 260, easing: 'cubic-bezier(.2, .8, .2, 1)' });

/**
 * @param {HTMLElement} board
 * @param {(act: 'left' | 'right' | 'up' | 'down' | 'delete', cardId: string) => void} onAct
 * @returns {{render: (columns: Record<string, Card[]>,
 *   state: {ready: boolean, pending: Set<string>, touched: Set<string>}) => void,
 *   startFrom: (cardId: string, rect: DOMRect) => void}}
 */
export function createView(board, onAct) {
  const template = board.ownerDocument.querySelector('#card-template');
  const invite = board.querySelector('#invite');
  const stillness = matchMedia('(prefers-reduced-motion: reduce)');
  /** @type {Map<string, HTMLElement>} */
  const elements = new Map();
  /** @type {Map<string, DOMRect>} where a card was let go, to glide from there */
  const starts = new Map();

  board.addEventListener('click', (click) => {
    const button = click.target.closest('[data-act]');
    if (!button || button.getAttribute('aria-disabled') === 'true') return;
    onAct(button.dataset.act, button.closest('.card').dataset.cardId);
  });
  board.addEventListener('keydown', (press) => {
    if (!press.target.classList.contains('card') || press.altKey || press.ctrlKey || press.metaKey)
      return;
    const act = KEYS[press.key];
    if (!act) return;
    press.preventDefault();
    onAct(act, press.target.dataset.cardId);
  });

  function render(columns, { ready, pending, touched }) {
    const before = stillness.matches ? new Map() : positions();
    const focus = rememberFocus();
    let total = 0;
    const shown = new Set();
    for (const zone of ZONES) {
      const cards = columns[zone].slice(0, COLUMN_LIMIT);
      for (const card of cards) shown.add(card.id);
      fillColumn(zone, cards, columns[zone].length, pending);
      total += columns[zone].length;
    }
    for (const [id, element] of elements) {
      if (shown.has(id)) continue;
      element.remove();
      elements.delete(id);
    }
    board.dataset.phase = !ready ? 'loading' : total === 0 ? 'empty' : 'filled';
    invite.hidden = !ready || total > 0;
    restoreFocus(focus);
    if (ready && !stillness.matches) animate(before, touched);
  }

  function fillColumn(zone, cards, total, pending) {
    const column = board.querySelector(`[data-zone=${zone}]`);
    const list = column.querySelector('.cards');
    cards.forEach((card, index) => {
      const element = elements.get(card.id) ?? createCard(card.id);
      update(element, card, pending.has(card.id));
      if (list.children[index] !== element)
        list.insertBefore(element, list.children[index] ?? null);
    });
    column.querySelector('.count').textContent = total;
    list.setAttribute(
      'aria-label',
      `${ZONE_NAMES[zone]}, ${total} ${total === 1 ? 'card' : 'cards'}`,
    );
    const more = column.querySelector('.more');
    more.hidden = total <= COLUMN_LIMIT;
    more.textContent = `and ${total - COLUMN_LIMIT} more`;
  }

  function createCard(id) {
    const element = template.content.firstElementChild.cloneNode(true);
    element.dataset.cardId = id;
    elements.set(id, element);
    return element;
  }

  function update(element, card, isPending) {
    const at = ZONES.indexOf(card.zone);
    element.dataset.color = card.color;
    element.toggleAttribute('data-pending', isPending);
    setText(element.querySelector('.card-title'), card.title);
    setText(
      element.querySelector('.card-meta'),
      isPending ? 'Sending…' : card.version === undefined ? '' : `v${card.version}`,
    );
    const [left, right, remove] = element.querySelectorAll('[data-act]');
    label(
      left,
      at > 0 ? `Move ${card.title} to ${ZONE_NAMES[ZONES[at - 1]]}` : '',
      'Already in the first column',
    );
    label(
      right,
      at < ZONES.length - 1 ? `Move ${card.title} to ${ZONE_NAMES[ZONES[at + 1]]}` : '',
      'Already in the last column',
    );
    label(remove, `Delete ${card.title}`);
  }

  function positions() {
    return new Map([...elements].map(([id, element]) => [id, element.getBoundingClientRect()]));
  }

  function animate(before, touched) {
    for (const [id, element] of elements) {
      const from = starts.get(id) ?? before.get(id);
      const to = element.getBoundingClientRect();
      if (!from) {
        element.animate([{ opacity: 0, transform: 'translateY(-6px) scale(.98)' }, {}], GLIDE);
      } else if (from.left !== to.left || from.top !== to.top) {
        const shift = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
        element.animate([{ transform: shift }, { transform: 'none' }], GLIDE);
      }
      if (touched.has(id)) glow(element);
    }
    starts.clear();
  }

  /** Where focus is inside the board, and what takes it over if its card goes. */
  function rememberFocus() {
    const active = board.ownerDocument.activeElement;
    const card = active?.closest('.card');
    if (!card || !board.contains(card)) return undefined;
    return {
      active,
      card,
      list: card.parentElement,
      index: [...card.parentElement.children].indexOf(card),
    };
  }

  function restoreFocus(focus) {
    if (!focus || focus.active === board.ownerDocument.activeElement) return;
    const { active, card, list, index } = focus;
    const heir = card.isConnected
      ? active
      : (list.children[index] ??
        list.children[index - 1] ??
        board.ownerDocument.querySelector('#title-input'));
    heir.focus({ preventScroll: !card.isConnected });
  }

  return { render, startFrom: (cardId, rect) => starts.set(cardId, rect) };
}

const KEYS = Object.freeze({
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Delete: 'delete',
  Backspace: 'delete',
});

/** A ring that says: this one was changed somewhere else just now. */
function glow(element) {
  element.classList.remove('touched');
  void element.offsetWidth;
  element.classList.add('touched');
  element.addEventListener('animationend', () => element.classList.remove('touched'), {
    once: true,
  });
}

function label(button, text, textWhenDisabled = '') {
  button.setAttribute('aria-label', text || textWhenDisabled);
  button.title = text ? '' : textWhenDisabled;
  button.setAttribute('aria-disabled', String(!text));
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
