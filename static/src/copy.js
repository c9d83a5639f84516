// Copying. "Copied" is said only when it worked; else the text is selected and the person is told which keys to press.
import { $, on, el, say, words, counted } from './dom.js';
import { toast } from './overlay.js';

async function write(text, near) {
  if (window.isSecureContext && navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* refused: try the old way */ }
  }
  const area = el('textarea', { class: 'sr-only', 'aria-hidden': 'true', tabindex: '-1' });
  area.value = text;
  near.parentNode.append(area);
  const focused = document.activeElement;
  area.select();
  let ok = false;
  try { ok = document.execCommand('copy'); } catch { ok = false; }
  area.remove();
  focused?.focus?.({ preventScroll: true });
  return ok;
}

function select(node) {
  if (node instanceof HTMLInputElement) { node.focus(); node.select(); return; }
  const range = document.createRange();
  range.selectNodeContents(node);
  const s = getSelection();
  s.removeAllRanges();
  s.addRange(range);
}

async function copy(button, text, source) {
  const ok = await write(text, button);
  const note = ok ? button.dataset.copied : button.dataset.manual;
  if (ok) button.closest('[data-guard]')?.setAttribute('data-safe', '');
  else if (source) select(source);
  const label = $('[data-copy-text]', button);
  clearTimeout(button.timer);
  button.was ??= label ? label.textContent : button.getAttribute('aria-label');
  const show = (words) => { if (label) label.textContent = words; else button.setAttribute('aria-label', words); };
  show(note);
  say(note);
  button.classList.toggle('copied', ok);
  button.timer = setTimeout(() => { show(button.was); button.classList.remove('copied'); }, 4000);
}

// codeText is a panel of a code block with the whole secret where the shortened one stands.
function codeText(block, panel) {
  const secret = block.dataset.secret && document.getElementById(block.dataset.secret);
  return secret ? panel.textContent.replaceAll(block.dataset.shown, secret.value) : panel.textContent;
}

const shown = (block) => [...block.querySelectorAll('pre')].find((p) => p.offsetParent);

// save hands a file made here to the browser's downloads.
function save(parts, name) {
  const url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }));
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// An export says how much of it has come, and whether it is whole.
async function download(link) {
  const was = [...link.childNodes];
  const { export: going, exported } = link.dataset;
  const parts = [];
  let size = 0;
  const much = () => `${(size / 1e6).toFixed(1)} MB`;
  link.setAttribute('aria-busy', 'true');
  try {
    const res = await fetch(link.href);
    const name = /="(.+)"/.exec(res.headers.get('content-disposition') || '');
    if (!res.ok || !name) { location = link.href; return; } // the browser shows why
    for (const from = res.body.getReader(); ;) {
      const { done, value } = await from.read();
      if (done) break;
      parts.push(value);
      size += value.length;
      link.textContent = counted(going, much());
    }
    save(parts, decodeURIComponent(name[1]));
    toast(counted(exported, much()));
  } catch { toast(words().failed, true); } finally {
    link.removeAttribute('aria-busy');
    link.replaceChildren(...was);
  }
}

export function copying() {
  on('click', '[data-export]', (e, a) => { e.preventDefault(); if (!a.ariaBusy) download(a); });
  on('click', '[data-copy]', (e, b) => copy(b, b.dataset.copy, b.parentNode.querySelector('input')));
  on('click', '[data-copy-input]', (e, b) => { const i = document.getElementById(b.dataset.copyInput); copy(b, i.value, i); });
  on('click', '[data-copy-from]', (e, b) => { const p = document.getElementById(b.dataset.copyFrom); copy(b, p.textContent, p); });
  on('click', '[data-copy-code]', (e, b) => {
    const block = document.getElementById(b.dataset.copyCode);
    const panel = shown(block);
    copy(b, codeText(block, panel), panel);
  });
  on('click', '[data-download]', (e, b) => {
    const block = document.getElementById(b.dataset.download);
    save([codeText(block, $('[data-file]', block)) + '\n'], 'gatehouse.env');
    b.closest('[data-guard]')?.setAttribute('data-safe', '');
  });
  on('focusin', '[data-select-all]', (e, i) => setTimeout(() => i.select(), 0));
  on('click', '[data-reveal]', (e, b) => {
    const input = document.getElementById(b.dataset.reveal);
    const show = input.type === 'password';
    input.type = show ? 'text' : 'password';
    b.setAttribute('aria-pressed', String(show));
  });
}
