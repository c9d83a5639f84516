// The search that opens with Ctrl K: the side bar's pages at once, then what the server finds.
import { $, $$, on, el, local, counted } from './dom.js';

export function palette() {
  const box = () => $('#palette');
  const input = () => $('#palette-input');
  const list = () => $('#palette-list');
  let timer;
  let asked = 0;

  const options = () => $$('[role=option]', list());
  function mark(i) {
    const o = options();
    const at = o.length ? (i + o.length) % o.length : -1;
    o.forEach((n, k) => { n.id = 'palette-' + k; n.setAttribute('aria-selected', String(k === at)); });
    if (at >= 0) { input().setAttribute('aria-activedescendant', 'palette-' + at); o[at].scrollIntoView({ block: 'nearest' }); } else input().removeAttribute('aria-activedescendant');
    $('[data-palette-none]').classList.toggle('hidden', o.length > 0);
    const count = $('[data-palette-count]');
    count.textContent = counted(count.dataset.found, o.length);
  }

  function pages(q) {
    const extra = $$('main a[data-key-c]');
    return [...$$('#sidebar a[data-go]'), ...extra].filter((a) => a.textContent.toLowerCase().includes(q)).map((a) =>
      el('li', { class: 'palette-option', role: 'option', 'aria-selected': 'false', 'data-href': a.getAttribute('href') }, a.querySelector('svg').cloneNode(true), a.querySelector('span')?.textContent || a.textContent.trim()));
  }

  async function search() {
    const q = input().value.trim().toLowerCase();
    const mine = ++asked;
    list().replaceChildren(...pages(q));
    mark(0);
    // A pasted key never goes into an address.
    if (q.length < 2 || /^sk-.{12}/.test(q)) return;
    try {
      const answer = await fetch(`${box().dataset.url}?q=${encodeURIComponent(q)}`, { headers: { 'HX-Request': 'true' } });
      if (!answer.ok || mine !== asked) return;
      const hits = new DOMParser().parseFromString(await answer.text(), 'text/html');
      list().append(...$$('[role=option]', hits).map((n) => document.adoptNode(n)));
      mark(0);
    } catch { /* no connection: the pages stay */ }
  }

  function show() {
    if (!box() || box().open) return;
    box().showModal();
    input().value = '';
    input().focus();
    search();
  }

  on('click', '[data-open-palette]', show);
  on('input', '#palette-input', () => { clearTimeout(timer); timer = setTimeout(search, 120); });
  on('keydown', '#palette-input', (e) => {
    const at = options().findIndex((o) => o.getAttribute('aria-selected') === 'true');
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); mark(at + (e.key === 'ArrowDown' ? 1 : -1)); }
    if (e.key === 'Enter') { e.preventDefault(); options()[at]?.click(); }
  });
  on('click', '#palette-list [role=option]', (e, o) => { location.href = o.dataset.href; });
  document.addEventListener('keydown', (e) => {
    if ((e.ctrlKey || e.metaKey) && !e.shiftKey && !e.altKey && e.key.toLowerCase() === 'k') { e.preventDefault(); show(); }
  });

  // Single keys, for people who turned them on. "g" waits a second for the next one.
  let g = 0;
  document.addEventListener('keydown', (e) => {
    if (!('shortcuts' in document.body.dataset) || e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.('input, textarea, select, [contenteditable], dialog')) return;
    if (Date.now() - g < 1000) {
      const to = { k: '/ui/keys', u: '/ui/usage', l: '/ui/logs', o: '/ui/' }[e.key];
      if (to) location.href = local(to);
      g = 0;
    } else if (e.key === 'g') g = Date.now();
    else if (e.key === '/') { e.preventDefault(); ($('[data-search]') || $('[data-open-palette]'))?.[$('[data-search]') ? 'focus' : 'click'](); }
    else if (e.key === '?') { e.preventDefault(); document.dispatchEvent(new Event('gatehouse:help')); }
    else if (e.key === 'c') { const create = $('[data-key-c]'); if (create) create.click(); else if ('create' in document.body.dataset) location.href = local('/ui/keys/new'); }
  });
}
