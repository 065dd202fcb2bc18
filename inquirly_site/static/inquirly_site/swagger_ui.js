"use strict";

const page = document.getElementById("content");

SwaggerUIBundle({
  domNode: page,
  url: page.dataset.schema,
  deepLinking: true,
  validatorUrl: null, // no other host is asked for a badge
});
