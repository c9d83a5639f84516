// Small helpers that every part of the portal's script uses.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// on listens on the document, so it holds for parts that are swapped in later.
export function on(type, selector, fn, capture = false) {
  document.addEventListener(type, (e) => {
    const hit = e.target instanceof Element && e.target.closest(selector);
    if (hit) fn(e, hit);
  }, capture);
}

// el makes an element: el('li', { class: 'x', role: 'option' }, 'text', child)
export function el(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) node.setAttribute(k, v);
  node.append(...children);
  return node;
}

// say announces a text to screen readers. Inside an open dialog the rest of the page is inert, so the region goes there.
export function say(text) {
  const home = $('dialog[open]:last-of-type') || document.body;
  let region = $(':scope > .say', home);
  if (!region) {
    region = el('p', { class: 'say sr-only', role: 'status' });
    home.append(region);
  }
  region.textContent = '';
  setTimeout(() => { region.textContent = text; }, 50);
}

export const words = () => document.body.dataset;

// local puts the server's root path before a path.
export const local = (path) => (words().base || '') + path;

// found fills "{n} found".
export const counted = (template, n) => (template || '{n}').replace('{n}', n);
