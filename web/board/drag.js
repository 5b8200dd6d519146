/**
 * Dragging cards with mouse, pen or finger. A finger takes hold of the grip only, so that the page
 * still scrolls. It knows elements and places, nothing of events.
 */

const START_DISTANCE_PX = 5;
const EDGE_PX = 56;
const EDGE_SPEED_PX = 9;

/**
 * @param {HTMLElement} board
 * @param {(cardId: string, zone: string, index: number, from: DOMRect) => void} onDrop
 *   `index` is the place among the other cards of the column; `from` is where the card was let go
 */
export function enableDrag(board, onDrop) {
  /** @type {undefined | {card: HTMLElement, ghost?: HTMLElement, pointerId: number, startX: number,
   *   startY: number, x: number, y: number, rect: DOMRect,
   *   target?: {column: HTMLElement, index: number}}} */
  let drag;
  const line = board.ownerDocument.createElement('div');
  line.className = 'drop-line';

  board.addEventListener('pointerdown', (event) => {
    const card = event.target.closest('.card');
    if (!card || drag || event.button !== 0 || event.target.closest('button')) return;
    if (event.pointerType === 'touch' && !event.target.closest('.grip')) return;
    drag = {
      card,
      pointerId: event.pointerId,
      startX: event.clientX,
      startY: event.clientY,
      x: event.clientX,
      y: event.clientY,
      rect: card.getBoundingClientRect(),
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', drop);
    addEventListener('pointercancel', end);
    addEventListener('keydown', cancelOnEscape, true);
  });

  function move(event) {
    if (event.pointerId !== drag.pointerId) return;
    drag.x = event.clientX;
    drag.y = event.clientY;
    if (!drag.ghost) {
      if (Math.hypot(drag.x - drag.startX, drag.y - drag.startY) < START_DISTANCE_PX) return;
      lift();
    }
    follow();
  }

  function lift() {
    const { card, rect } = drag;
    const ghost = card.cloneNode(true);
    ghost.classList.add('ghost');
    ghost.inert = true;
    ghost.style.width = `${rect.width}px`;
    ghost.style.left = `${rect.left}px`;
    ghost.style.top = `${rect.top}px`;
    board.append(ghost);
    drag.ghost = ghost;
    card.classList.add('lifted');
    board.classList.add('dragging');
    requestAnimationFrame(scrollAtEdge);
  }

  function follow() {
    const shift = `${drag.x - drag.startX}px, ${drag.y - drag.startY}px`;
    drag.ghost.style.transform = `translate(${shift}) rotate(1.2deg)`;
    const column = board.ownerDocument.elementFromPoint(drag.x, drag.y)?.closest('.column');
    for (const other of board.querySelectorAll('.column.over')) {
      if (other !== column) other.classList.remove('over');
    }
    if (!column) {
      drag.target = undefined;
      line.remove();
      return;
    }
    column.classList.add('over');
    const others = [...column.querySelectorAll('.card:not(.lifted)')];
    const below = others.findIndex((other) => drag.y < middle(other));
    const index = below === -1 ? others.length : below;
    drag.target = { column, index };
    showLine(column, others, index);
  }

  function showLine(column, others, index) {
    const top = column.getBoundingClientRect().top;
    const list = column.querySelector('.cards').getBoundingClientRect();
    const at =
      others.length === 0
        ? list.top + 2
        : index < others.length
          ? others[index].getBoundingClientRect().top - 5
          : others.at(-1).getBoundingClientRect().bottom + 3;
    line.style.top = `${at - top}px`;
    column.append(line);
  }

  function scrollAtEdge() {
    if (!drag?.ghost) return;
    const speed =
      drag.y < EDGE_PX ? -EDGE_SPEED_PX : drag.y > innerHeight - EDGE_PX ? EDGE_SPEED_PX : 0;
    if (speed !== 0) {
      scrollBy(0, speed);
      follow();
    }
    requestAnimationFrame(scrollAtEdge);
  }

  function drop(event) {
    if (event.pointerId !== drag.pointerId) return;
    const { card, ghost, target } = drag;
    const from = ghost?.getBoundingClientRect();
    end();
    if (ghost && target && card.isConnected) {
      onDrop(card.dataset.cardId, target.column.dataset.zone, target.index, from);
    }
  }

  function cancelOnEscape(event) {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    end();
  }

  function end() {
    removeEventListener('pointermove', move);
    removeEventListener('pointerup', drop);
    removeEventListener('pointercancel', end);
    removeEventListener('keydown', cancelOnEscape, true);
    drag.card.classList.remove('lifted');
    drag.ghost?.remove();
    line.remove();
    board.classList.remove('dragging');
    for (const column of board.querySelectorAll('.column.over')) column.classList.remove('over');
    drag = undefined;
  }
}

function middle(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}
