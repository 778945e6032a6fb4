SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // Nothing is asked of another address.
  validatorUrl: null,
});
