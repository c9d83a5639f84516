// The playground: sends the conversation, reads the stream, keeps it in this tab's memory only.
import { $, $$ } from './dom.js';

const form = $('#play');
if (form) {
  const turns = $('#turns');
  const status = $('#play-status');
  const button = (name) => $(`[data-play-${name}]`, form);
  const talk = []; // { role, content }
  let control = null;

  function add(own, text) {
    $('[data-play-empty]', turns)?.remove();
    const node = $('#turn-template').content.firstElementChild.cloneNode(true);
    node.toggleAttribute('data-own', own);
    $('[data-turn-who]', node).textContent = own ? form.dataset.you : form.elements.model?.value || form.dataset.assistant;
    $('[data-turn-text]', node).textContent = text;
    turns.append(node);
    turns.scrollTop = turns.scrollHeight;
    return node;
  }

  // money writes dollars as the pages do.
  function money(cost) {
    if (typeof cost !== 'number') return form.dataset.costUnknown;
    return '$' + (cost === 0 || cost >= 0.01 ? cost.toFixed(2) : String(Number(cost.toFixed(6))));
  }

  // The code of the present choice is one link away.
  const code = $('[data-play-code]');
  form.addEventListener('change', () => {
    const to = new URL(code.href);
    for (const name of ['key', 'model']) to.searchParams.set(name, form.elements[name].value);
    code.href = to.href;
  });

  function busy(to) {
    button('stop').hidden = !to;
    button('send').hidden = to;
    button('clear').hidden = to || talk.length === 0;
    button('retry').hidden = to || talk.length === 0;
  }

  // lines gives the data of each event of a stream.
  async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split('\n');
      rest = parts.pop();
      for (const line of parts) {
        const data = line.replace(/\r$/, '').match(/^data: ?(.*)$/)?.[1];
        if (data === '[DONE]') return;
        if (data) yield JSON.parse(data);
      }
    }
  }

  async function ask() {
    const node = add(false, '');
    const text = $('[data-turn-text]', node);
    const note = $('[data-turn-note]', node);
    const value = (name) => form.elements[name].value.trim();
    const number = (name) => (value(name) === '' ? undefined : Number(value(name)));
    const system = value('system');
    const started = performance.now();
    let first = 0;
    let usage = null;
    control = new AbortController();
    busy(true);
    try {
      const answer = await fetch(form.dataset.stream, {
        method: 'POST',
        signal: control.signal,
        headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
        body: JSON.stringify({ key: value('key'), model: value('model'), temperature: number('temperature'), max_tokens: number('max_tokens'), messages: [...(system ? [{ role: 'system', content: system }] : []), ...talk] }),
      });
      if (!answer.ok) {
        const said = await answer.json().catch(() => null);
        throw new Error(said?.error?.message || form.dataset.failed);
      }
      for await (const event of events(answer.body)) {
        if (event.error) throw new Error(event.error.message);
        const piece = event.choices?.[0]?.delta?.content;
        if (piece) {
          first ||= performance.now() - started;
          text.append(piece);
          turns.scrollTop = turns.scrollHeight;
        }
        usage = event.usage || usage;
      }
      talk.push({ role: 'assistant', content: text.textContent });
      note.textContent = form.dataset.meta.replace('{tokens}', usage?.total_tokens ?? '?').replace('{cost}', money(usage?.cost)).replace('{first}', Math.round(first));
      status.textContent = form.dataset.done;
    } catch (problem) {
      const stopped = problem.name === 'AbortError';
      if (stopped && text.textContent) talk.push({ role: 'assistant', content: text.textContent });
      note.textContent = stopped ? form.dataset.stopped : problem.message || form.dataset.failed;
      note.classList.toggle('text-bad', !stopped);
      status.textContent = note.textContent;
    } finally {
      control = null;
      busy(false);
    }
  }

  form.addEventListener('submit', (e) => {
    e.preventDefault();
    const field = form.elements.message;
    const words = field.value.trim();
    if (!words || control) return;
    talk.push({ role: 'user', content: words });
    add(true, words);
    field.value = '';
    field.focus();
    ask();
  });
  form.elements.message.addEventListener('keydown', (e) => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); form.requestSubmit(); }
  });
  document.addEventListener('keydown', (e) => { if (e.key === 'Escape' && control) control.abort(); });
  button('stop').addEventListener('click', () => control?.abort());
  button('clear').addEventListener('click', () => {
    talk.length = 0;
    $$('[data-turn]', turns).forEach((n) => n.remove());
    busy(false);
    form.elements.message.focus();
  });
  button('retry').addEventListener('click', () => {
    if (talk.at(-1)?.role === 'assistant') talk.pop();
    if (!talk.length) return;
    const last = $$('[data-turn]', turns).at(-1);
    if (last && !last.hasAttribute('data-own')) last.remove();
    ask();
  });
}
