// Shows the contract that this server serves, and nothing from elsewhere.
window.ui = SwaggerUIBundle({
  url: 'tigrillo.yaml',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'none',
  filter: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
});
