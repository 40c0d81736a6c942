import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import express, { type Router } from 'express';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>zyra API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const start = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });
`;

// Importing the package would load the whole page's program into this process.
const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const files = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];

/** The page that shows the API description, without anything from elsewhere and without inline scripts. */
export const docsRouter = (): Router => {
  const router = express.Router();
  router.get('/', (_, response) => {
    response.type('html').send(page);
  });
  router.get('/start.js', (_, response) => {
    response.type('js').send(start);
  });
  for (const file of files) {
    router.get(`/${file}`, (_, response) => {
      response.sendFile(file, { root, maxAge: '1h' });
    });
  }
  return router;
};
