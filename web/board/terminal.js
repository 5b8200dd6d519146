/** The commands that do in a terminal what the page does, ready to copy. */
import { CHANNEL } from './hub.js';

const COPIED_MS = 1_600;

/**
 * @param {HTMLElement} list
 * @param {string} origin of the hub, e.g. `http://127.0.0.1:7070`
 */
export function showCommands(list, origin) {
  const template = list.ownerDocument.querySelector('#command-template');
  for (const { title, command } of commandsFor(origin)) {
    const item = template.content.firstElementChild.cloneNode(true);
    item.querySelector('h3').textContent = title;
    item.querySelector('code').textContent = command;
    item.querySelector('pre').setAttribute('aria-label', title);
    const button = item.querySelector('button');
    button.setAttribute('aria-label', `Copy: ${title}`);
    button.addEventListener('click', () => copy(command, item, button));
    list.append(item);
  }
}

/**
 * @param {string} origin
 * @returns {{title: string, command: string}[]}
 */
export function commandsFor(origin) {
  const event = `{"eventType": "card.created", "channel": "${CHANNEL}",
       "eventData": {"cardId": "from-curl", "cardData": {"title": "Hello from curl"}}}`;
  return [
    {
      title: 'Publish a card',
      command: [
        `curl ${origin}/api/sse/events`,
        "-H 'content-type: application/json'",
        `-d '${event}'`,
      ].join(' \\\n  '),
    },
    {
      title: 'Stream the events',
      command: `curl -N '${origin}/api/sse/events?channels=${CHANNEL}&cursor=earliest'`,
    },
    {
      title: 'Follow them with the command line',
      command: `radial tail --url ${origin} --channels ${CHANNEL}`,
    },
  ];
}

async function copy(command, item, button) {
  const text = button.querySelector('.button-text');
  try {
    await navigator.clipboard.writeText(command);
    text.textContent = 'Copied';
    button.querySelector('use').setAttribute('href', '#icon-check');
  } catch {
    getSelection().selectAllChildren(item.querySelector('code'));
    text.textContent = 'Selected';
  }
  setTimeout(() => {
    text.textContent = 'Copy';
    button.querySelector('use').setAttribute('href', '#icon-copy');
  }, COPIED_MS);
}
