// The live tail of the request log: rows come as server-sent events and take their place by time. It waits while the tab is
// hidden or somebody points at the list, so that no row moves under the pointer, and keeps at most 200 rows.
(() => {
  const most = 200;
  let source = null;
  let url = '';
  let held = [];

  const list = () => document.querySelector('[data-live]');
  const body = () => document.querySelector('[data-live] tbody');
  const resting = () => document.hidden || list()?.matches(':hover') || !!document.querySelector('dialog[open]');
  const say = (name) => {
    const state = document.querySelector('[data-live-state]');
    if (!state || state.dataset.now === name) return;
    state.dataset.now = name;
    state.querySelector('[data-live-words]').textContent = state.dataset[name];
  };

  function place(html) {
    const box = document.createElement('template');
    box.innerHTML = html;
    const rows = body();
    for (const row of [...box.content.querySelectorAll('tr')].reverse()) { // the oldest first
      if (document.getElementById(row.id)) continue;
      const at = BigInt(row.dataset.at);
      const next = [...rows.children].find((r) => BigInt(r.dataset.at || 0) <= at);
      if (!next && rows.children.length >= 10) continue; // older than all that is shown
      rows.insertBefore(row, next || null);
      window.htmx?.process(row);
    }
    while (rows.children.length > most) rows.lastElementChild.remove();
    document.querySelector('[data-live-empty]')?.toggleAttribute('hidden', rows.children.length > 0);
    document.querySelector('[data-live] table')?.toggleAttribute('hidden', rows.children.length === 0);
  }

  function flush() {
    if (!list() || resting()) return;
    held.splice(0).forEach(place);
    say('on');
  }

  function connect() {
    const to = list()?.dataset.live || '';
    if (to === url) return;
    source?.close();
    source = null;
    held = [];
    if (!(url = to)) return;
    source = new EventSource(to);
    source.addEventListener('open', () => say(resting() ? 'paused' : 'on'));
    source.addEventListener('rows', (e) => {
      if (resting()) { held.push(e.data); held = held.slice(-most); say('paused'); } else place(e.data);
    });
    source.addEventListener('error', () => say(source?.readyState === EventSource.CLOSED ? 'off' : 'again'));
  }

  document.addEventListener('htmx:afterSettle', () => { connect(); flush(); });
  document.addEventListener('visibilitychange', flush);
  document.addEventListener('mouseout', () => setTimeout(flush, 50));
  document.addEventListener('close', () => setTimeout(flush, 50), true);
  connect();
})();

// The first request: the stream says when it was seen. The page's own asking rests while the stream is heard, and goes on when a
// proxy holds it back. Nothing is open while the tab is hidden.
(() => {
  const silence = 6000;
  let source = null;
  let heard = 0;
  const wait = () => document.querySelector('[data-wait]');

  function connect() {
    const part = wait();
    if (!part || document.hidden) { source?.close(); source = null; heard = 0; return; }
    if (source) return;
    source = new EventSource(part.dataset.wait);
    source.addEventListener('well', () => { heard = Date.now(); });
    source.addEventListener('seen', () => { heard = 0; if (wait()) window.htmx?.trigger(wait(), 'seen'); });
  }

  document.addEventListener('htmx:beforeRequest', (e) => {
    if (e.detail.elt.matches('[data-wait]') && Date.now() - heard < silence) e.preventDefault();
  });
  document.addEventListener('htmx:afterSettle', connect);
  document.addEventListener('visibilitychange', connect);
  connect();
})();
