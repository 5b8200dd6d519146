/** Messages that stay until dismissed, and one line for people who listen to the page. */

const NOTICE_LIMIT = 3;

/**
 * @param {Document} document
 * @returns {{refused: (what: string, problem: import('./hub.js').Problem) => void,
 *   announce: (text: string) => void}}
 */
export function createNotices(document) {
  const list = document.querySelector('#notices');
  const announcer = document.querySelector('#announcer');
  const template = document.querySelector('#notice-template');

  function refused(what, problem) {
    const notice = template.content.firstElementChild.cloneNode(true);
    notice.querySelector('strong').textContent = what;
    notice.querySelector('p').textContent = problem.detail;
    notice.querySelector('code').textContent = problem.code;
    notice.querySelector('button').addEventListener('click', () => notice.remove());
    list.append(notice);
    while (list.children.length > NOTICE_LIMIT) list.firstElementChild.remove();
  }

  function announce(text) {
    announcer.textContent = text;
  }

  return { refused, announce };
}
