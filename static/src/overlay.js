// Dialogs, the drawer, menus and notices.
import { $, $$, on, el, say, words } from './dom.js';

let opener = null; // what had focus before the dialog opened
let pushed = false; // the drawer's address was put into the history
let closingByBack = false;

const guarded = () => $('[data-guard]:not([data-safe])');
const mayLeave = () => !guarded() || confirm(words().guardText);

function focusInto(box) {
  const target = $('[aria-invalid="true"]', box) || $('[data-first-focus]', box) || $('[autofocus]', box) ||
    $('input:not([type=hidden]):not([type=checkbox]), select, textarea', box) || $('h1, h2', box);
  target?.focus();
}

function open(box) {
  if (!box.open) {
    box.showModal();
    document.documentElement.classList.add('overflow-hidden');
  }
  focusInto(box);
}

export function close(box) {
  if (!box.open || !mayLeave()) return;
  box.close();
}

function closed(box) {
  document.documentElement.classList.toggle('overflow-hidden', !!$('dialog[open]'));
  if (box.id === 'dialog' || box.id === 'drawer') box.replaceChildren(); // a secret leaves the page with its dialog
  if (box.id === 'drawer') {
    if (pushed) { pushed = false; closingByBack = true; history.back(); }
  }
  const back = opener?.isConnected ? opener : null;
  opener = null;
  (back?.closest('details[data-menu]')?.querySelector('summary') || back)?.focus();
}

function dialogs() {
  document.addEventListener('htmx:beforeRequest', (e) => {
    const target = e.detail.target?.id;
    if ((target === 'dialog' || target === 'drawer') && !e.detail.elt.closest('dialog')) opener = e.detail.elt;
    if (e.detail.boosted && !mayLeave()) e.preventDefault();
  });
  document.addEventListener('htmx:afterSwap', (e) => {
    const box = e.detail.target;
    if (box?.id === 'dialog' || box?.id === 'drawer') {
      if (box.id === 'drawer') pushed = true;
      htmx.process(box); // it would do so a moment later, and a form sent before that would leave the page
      open(box);
    }
  });
  // A form in the dialog that changed something else has done its work.
  document.addEventListener('htmx:afterRequest', (e) => {
    const box = e.detail.elt.closest?.('dialog#dialog') || (e.detail.elt.isConnected ? null : $('#dialog[open]'));
    if (box && e.detail.successful && e.detail.requestConfig?.verb !== 'get' && e.detail.target?.id !== 'dialog') {
      $('[data-guard]', box)?.setAttribute('data-safe', '');
      close(box);
    }
  });
  on('click', 'dialog [data-close]', (e, b) => {
    const box = b.closest('dialog');
    if (b.hasAttribute('data-saved')) b.closest('[data-guard]')?.setAttribute('data-safe', '');
    e.preventDefault();
    close(box);
  });
  on('click', '[data-saved]', (e, b) => b.closest('[data-guard]')?.setAttribute('data-safe', ''));
  document.addEventListener('mousedown', (e) => {
    const box = e.target instanceof Element && e.target.closest('dialog[open]');
    if (!box) return;
    const panel = $('[data-panel]', box);
    const outside = panel ? !panel.contains(e.target) : e.target === box && (e.clientX < box.getBoundingClientRect().left || e.clientX > box.getBoundingClientRect().right);
    if (outside && e.button === 0 && e.clientX < document.documentElement.clientWidth) close(box);
  });
  document.addEventListener('cancel', (e) => { if (!mayLeave()) e.preventDefault(); else guarded()?.setAttribute('data-safe', ''); }, true);
  // Browsers let a second Esc through without a cancel event: refuse it while a key is unsaved.
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && $('dialog[open]') && guarded()) { e.preventDefault(); close($('dialog[open]')); }
  });
  document.addEventListener('close', (e) => closed(e.target), true);
  window.addEventListener('popstate', (e) => {
    const box = $('#drawer[open]');
    if (closingByBack) { closingByBack = false; e.stopImmediatePropagation(); return; }
    if (box && pushed) { pushed = false; e.stopImmediatePropagation(); box.close(); }
  }, true);
  window.addEventListener('beforeunload', (e) => { if (guarded()) e.preventDefault(); });
  on('click', '[data-open-nav]', (e, b) => {
    const box = $('#nav-drawer');
    box.replaceChildren(...$$('#sidebar > *').map((n) => n.cloneNode(true)));
    $$('[id]', box).forEach((n) => n.removeAttribute('id'));
    $$('[aria-labelledby]', box).forEach((n) => n.removeAttribute('aria-labelledby'));
    opener = b;
    open(box);
  });
  const help = (by) => { if ($('dialog[open]:not(#nav-drawer)')) return; opener = by; $('#nav-drawer')?.close(); open($('#shortcut-list')); };
  on('click', '[data-open-shortcuts]', (e, b) => help(b.isConnected && !b.closest('dialog') ? b : null));
  document.addEventListener('gatehouse:help', () => help(document.activeElement));
  const waiting = $('template[data-open-drawer]');
  if (waiting && $('#drawer')) {
    $('#drawer').replaceChildren(waiting.content.cloneNode(true));
    window.htmx?.process($('#drawer'));
    open($('#drawer'));
  }
}

// Menus are <details>. The panel is pinned to the window, so that no scroll box cuts it off.
function place(menu) {
  const pop = $('[data-menu-pop]', menu);
  if (!pop) return;
  const at = menu.getBoundingClientRect();
  Object.assign(pop.style, { position: 'fixed', margin: '0', right: 'auto', bottom: 'auto' });
  const { offsetWidth: w, offsetHeight: h } = pop;
  const up = pop.dataset.menuPop === 'up' || (at.bottom + h + 12 > innerHeight && at.top > h + 12);
  const wanted = at.left + w > innerWidth - 8 || at.right - w > innerWidth / 2 ? at.right - w : at.left;
  pop.style.left = Math.max(8, Math.min(wanted, document.documentElement.clientWidth - w - 8)) + 'px';
  pop.style.top = (up ? at.top - h - 4 : at.bottom + 4) + 'px';
}

function menus() {
  const opened = () => $$('details[data-menu][open]');
  document.addEventListener('toggle', (e) => {
    if (!e.target.matches?.('details[data-menu]') || !e.target.open) return;
    opened().forEach((m) => { if (m !== e.target) m.open = false; });
    place(e.target);
  }, true);
  const again = () => opened().forEach(place);
  window.addEventListener('scroll', again, true);
  window.addEventListener('resize', again);
  document.addEventListener('click', (e) => {
    for (const m of opened()) {
      if (!m.contains(e.target) || e.target.closest('.menu-item:not([data-copy])')) m.open = false;
    }
  });
  on('keydown', 'details[data-menu]', (e, menu) => {
    const summary = $('summary', menu);
    if (e.key === 'Escape' && menu.open) { menu.open = false; summary.focus(); e.preventDefault(); e.stopPropagation(); return; }
    if (e.key !== 'ArrowDown' && e.key !== 'ArrowUp') return;
    if (e.target.matches('select, textarea, input')) return;
    e.preventDefault();
    menu.open = true;
    const items = $$('a, button, input:not([type=hidden]), select', $('[data-menu-pop]', menu)).filter((n) => n.offsetParent);
    const i = items.indexOf(document.activeElement);
    items[(e.key === 'ArrowDown' ? i + 1 : i < 0 ? items.length - 1 : i - 1 + items.length) % items.length]?.focus();
  });
}

// Toasts go after 8 seconds, not while the pointer or focus is on them; errors stay.
function live(toast) {
  let timer;
  const stop = () => clearTimeout(timer);
  const start = () => { stop(); timer = setTimeout(() => toast.remove(), 8000); };
  for (const type of ['mouseenter', 'focusin']) toast.addEventListener(type, stop);
  for (const type of ['mouseleave', 'focusout']) toast.addEventListener(type, start);
  start();
}

export function toast(text, stay, action) {
  const box = el('div', { class: 'toast', 'data-toast': '' });
  if (stay) box.setAttribute('data-stay', '');
  const shut = el('button', { type: 'button', class: 'link text-sm', 'data-toast-close': '' }, words().dismiss);
  box.append(el('p', { class: 'min-w-0 flex-1 break-words text-sm' }, text), ...(action ? [action] : []), shut);
  $(stay ? '#alerts' : '#toasts')?.append(box);
  if ($('dialog[open]')) say(text);
}

function toasts() {
  const watch = () => $$('[data-toast]:not([data-stay]):not([data-live])').forEach((t) => { t.setAttribute('data-live', ''); live(t); });
  watch();
  new MutationObserver(watch).observe(document.body, { childList: true, subtree: true });
  on('click', '[data-toast-close]', (e, b) => b.closest('[data-toast]').remove());
  on('submit', '[data-toast] form', (e, f) => setTimeout(() => f.closest('[data-toast]')?.remove(), 0));
}

export function overlays() {
  dialogs();
  menus();
  toasts();
}
