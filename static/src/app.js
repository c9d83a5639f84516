// The portal's script. It makes pages quicker; every page works without it. Behaviour hangs on data-* attributes.
import { $, $$, on, el, say, local, words, counted } from './dom.js';
import { copying } from './copy.js';
import { overlays, toast } from './overlay.js';
import { picker } from './picker.js';
import { palette } from './palette.js';
import { charts } from './chart.js';

const needsScript = '[data-copy],[data-copy-input],[data-copy-code],[data-copy-from],[data-download],[data-reveal],[data-open-palette],[data-open-shortcuts],[data-bulk-all]';

// ready prepares a page or a part that was swapped in.
function ready(root) {
  const all = (selector) => [...(root.matches?.(selector) ? [root] : []), ...$$(selector, root)];
  all(needsScript).forEach((n) => { n.hidden = false; });
  all('[data-picker]').forEach(picker);
  all('select[data-notes]').forEach(note);
  if (!/Mac|iP/.test(navigator.platform)) {
    all('[data-mod-k]').forEach((n) => { n.textContent = 'Ctrl K'; });
    all('.kbd').forEach((n) => { if (n.textContent === '⌘') n.textContent = 'Ctrl'; });
  }
  if (!root.closest?.('dialog')) {
    const bad = $('[aria-invalid="true"]', root);
    if (bad) bad.focus();
    else if (root === document.body) $('[data-select-all][autofocus]')?.focus();
  }
}

// note puts the chosen option's words under its select: the moment that "In 30 days" means.
function note(select) {
  const text = select.selectedOptions[0]?.dataset.note;
  const help = document.getElementById(select.dataset.notes);
  if (text && help) help.textContent = text;
}

function forms() {
  // While a form is being sent its button says so, and a second click does nothing.
  document.addEventListener('submit', (e) => {
    const form = e.target;
    const name = form.dataset.confirm;
    const typed = name && $('[data-confirm-input]', form);
    if (typed && typed.value.trim() !== name) {
      e.preventDefault();
      e.stopImmediatePropagation();
      typed.classList.add('field-bad');
      typed.setAttribute('aria-invalid', 'true');
      typed.focus();
      return;
    }
    if ('sending' in form.dataset) { e.preventDefault(); e.stopImmediatePropagation(); return; }
    const button = e.submitter || $('button[type=submit]', form);
    if (!button?.dataset.busy) return;
    form.dataset.sending = '';
    button.setAttribute('aria-disabled', 'true');
    button.was = [...button.childNodes];
    button.replaceChildren(button.dataset.busy);
  }, true);
  const rest = (form) => {
    delete form.dataset.sending;
    $$('[aria-disabled][data-busy]', form).forEach((b) => { b.removeAttribute('aria-disabled'); if (b.was) b.replaceChildren(...b.was); });
  };
  document.addEventListener('htmx:afterRequest', (e) => { const f = e.detail.elt.closest?.('form'); if (f) rest(f); });
  window.addEventListener('pageshow', () => $$('form[data-sending]').forEach(rest));
  on('keydown', 'form[data-submit-keys]', (e, f) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); f.requestSubmit(); } });
  // A control that belongs to a filter form but stands in the part that the form swaps.
  on('change', '[form]', (e, c) => { if (c.form?.method === 'get' && !c.form.contains(c)) c.form.requestSubmit(); });
  on('change', 'select[data-notes]', (e, s) => note(s));
  on('click', '[data-focus-first] a', (e, a) => { const t = document.getElementById(a.hash.slice(1)); if (t) { e.preventDefault(); (t.offsetParent ? t : document.getElementById(t.id + '-box'))?.focus(); } });
  on('change', 'input[name=range]', (e, i) => { const t = $('[data-range-text]'); if (t) t.textContent = i.closest('label').textContent.trim(); });
  on('change', '#from, #to', (e, i) => { const c = $('input[name=range][value=custom]', i.form); if (c) c.checked = true; }, true);

  // Rules of a new password tick while one types.
  on('input', '[data-rules]', (e, input) => {
    for (const rule of $$('[data-rule]', document.getElementById(input.dataset.rules))) {
      const { rule: kind, value } = rule.dataset;
      const length = [...input.value.normalize('NFKC')].length;
      if (kind === 'length') rule.dataset.met = String(length >= +value);
      if (kind === 'not') rule.dataset.met = String(length > 0 && input.value.toLowerCase() !== value.toLowerCase());
    }
  });

  // A pasted key is looked up by POST and never goes into an address.
  const isKey = (v) => /^sk-\S{16,}$/.test(v.trim());
  for (const type of ['input', 'change', 'search']) {
    document.addEventListener(type, (e) => {
      const field = e.target.closest?.('[data-find]');
      if (!field || !isKey(field.value)) return;
      e.stopImmediatePropagation();
      const form = el('form', { method: 'post', action: field.dataset.find, hidden: '' }, el('input', { name: 'secret', value: field.value.trim() }));
      field.value = '';
      document.body.append(form);
      form.submit();
    }, true);
  }
}

function themes() {
  on('submit', '[data-theme-form]', (e, form) => {
    const to = e.submitter?.value;
    if (!to) return;
    e.preventDefault();
    const data = new URLSearchParams(new FormData(form));
    data.set('theme', to);
    fetch(form.action, { method: 'POST', body: data, redirect: 'manual' }).catch(() => toast(words().offline, true));
    if (to === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = to;
    $$('button', form).forEach((b) => (b === e.submitter ? b.setAttribute('aria-current', 'true') : b.removeAttribute('aria-current')));
  });
}

// The bulk bar shows once rows are chosen.
function bulk() {
  const items = () => $$('[data-bulk-item]');
  const update = () => {
    const bar = $('[data-bulk]');
    if (!bar) return;
    const n = items().filter((i) => i.checked).length;
    bar.toggleAttribute('data-on', n > 0);
    $('[data-bulk-count]', bar).textContent = counted(bar.dataset.selected, n);
    const page = $('[data-bulk-page]');
    if (page) { page.checked = n > 0 && n === items().length; page.indeterminate = n > 0 && n < items().length; }
    const all = $('[data-bulk-all]', bar);
    if (all && n < items().length) setAll(all, false);
  };
  const setAll = (b, to) => { b.setAttribute('aria-pressed', String(to)); $('[data-bulk-all-field]').value = to ? 'true' : ''; };
  on('change', '[data-bulk-item]', update);
  on('change', '[data-bulk-page]', (e, p) => { items().forEach((i) => { i.checked = p.checked; }); update(); });
  on('click', '[data-bulk-all]', (e, b) => { items().forEach((i) => { i.checked = true; }); update(); setAll(b, b.getAttribute('aria-pressed') !== 'true'); });
  on('click', '[data-bulk-clear]', (e) => { e.preventDefault(); items().forEach((i) => { i.checked = false; }); update(); $('[data-bulk-page]')?.focus(); });
  document.addEventListener('htmx:afterSettle', update);
}

// What the answers of HTMX need besides swapping.
function answers() {
  // An aborted request (a newer one took its place) is no error worth a line in the console.
  if (window.htmx) window.htmx.logger = (elt, name, detail) => { if (/sendAbort|afterRequest/.test(name)) delete detail.error; };
  document.addEventListener('htmx:load', (e) => ready(e.detail.elt));
  // A filter that is not set has no place in the address.
  document.addEventListener('htmx:configRequest', (e) => {
    const { verb, formData } = e.detail;
    if (verb === 'get') for (const [k, v] of [...formData]) if (v === '') formData.delete(k);
  });
  document.addEventListener('htmx:beforeRequest', (e) => {
    if (document.hidden && e.detail.elt.hasAttribute('data-poll')) e.preventDefault();
    e.detail.target?.setAttribute?.('aria-busy', 'true');
  });
  document.addEventListener('htmx:afterRequest', (e) => e.detail.target?.removeAttribute?.('aria-busy'));
  document.addEventListener('htmx:beforeSwap', (e) => {
    if (!e.detail.requestConfig?.elt?.closest?.('[data-removes]') || e.detail.target.tagName !== 'TR') return;
    const row = e.detail.target.nextElementSibling || e.detail.target.previousElementSibling;
    setTimeout(() => ((row && $('[data-row-name]', row)) || $('h1'))?.focus(), 100);
  });
  document.addEventListener('htmx:afterSettle', (e) => {
    const tab = e.detail.requestConfig?.elt;
    if (tab?.hasAttribute?.('data-tab')) {
      $$('[data-tab]', tab.parentNode).forEach((t) => (t === tab ? t.setAttribute('aria-current', 'page') : t.removeAttribute('aria-current')));
    }
    if (tab?.hasAttribute?.('data-to-top')) $('#list')?.scrollIntoView({ block: 'nearest' });
    if (e.detail.boosted || e.detail.target === document.body) $('h1')?.focus();
  });
  document.addEventListener('htmx:responseError', (e) => {
    if (e.detail.xhr.getResponseHeader('hx-retarget') === '#alerts') { // the server says why
      $('#alerts').insertAdjacentHTML('beforeend', e.detail.xhr.responseText);
      if ($('dialog[open]')) say($('#alerts > :last-child p')?.textContent || '');
      return;
    }
    const id = e.detail.xhr.getResponseHeader('x-request-id') || e.detail.xhr.getResponseHeader('x-litellm-call-id') || '';
    toast(`${words().failed} ${id}`.trim(), true);
  });
  document.addEventListener('htmx:sendError', () => toast(words().offline, true));
  document.addEventListener('htmx:timeout', () => toast(words().offline, true));
}

// The exact time in one's own zone joins the server's words on hover.
function times() {
  on('mouseover', 'time[datetime]', (e, t) => {
    if (t.dataset.own) return;
    t.dataset.own = '1';
    const own = new Date(t.dateTime);
    if (!Number.isNaN(+own)) t.title += ` · ${own.toLocaleString(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'long' })}`;
  });
}

function session() {
  const ends = Date.parse(words().sessionEnds || '');
  if (!ends) return;
  const wait = ends - Date.now() - 5 * 60e3;
  if (wait <= 0 || wait > 2 ** 31 - 1) return;
  setTimeout(() => {
    const stay = el('button', { type: 'button', class: 'link text-sm' }, words().sessionStay);
    stay.addEventListener('click', () => { fetch(local('/ui/account'), { method: 'HEAD' }); stay.closest('[data-toast]').remove(); });
    toast(words().sessionText, true, stay);
  }, wait);
}

copying();
overlays();
forms();
themes();
bulk();
answers();
times();
charts();
palette();
session();
ready(document.body);
