/** jsdom lacks what real browsers have; only that is added, nothing is pretended. */

declare global {
  // React asks whether it may expect `act`.
  var IS_REACT_ACT_ENVIRONMENT: boolean;
}

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

if (!('escape' in (globalThis.CSS ?? {}))) {
  Object.defineProperty(globalThis, 'CSS', {
    value: { escape: (text: string) => text.replace(/["\\]/g, '\\$&') }
  });
}

// The `role` of an element is reflected in browsers since 2023, in jsdom not yet.
if (!('role' in Element.prototype)) {
  Object.defineProperty(Element.prototype, 'role', {
    configurable: true,
    get(this: Element) {
      return this.getAttribute('role');
    }
  });
}

export {};
