"use strict";

const page = document.getElementById("content");
const createElement = document.createElement.bind(document);

// Redoc writes style elements, some while it loads: each gets the nonce with which this page lets them in.
// Its only image is a logo from another host: that becomes an element that loads nothing.
document.createElement = (name, options) => {
  const element = createElement(name === "img" ? "span" : name, options);
  if (name === "style") element.nonce = page.nonce;
  return element;
};

document.addEventListener("DOMContentLoaded", () => {
  // Search would need a worker made of text, which the page does not allow.
  const options = { disableSearch: true };
  // Redoc takes the attributes of its element for options too: it gets one without any.
  Redoc.init(page.dataset.schema, options, page.appendChild(createElement("div")));
});
