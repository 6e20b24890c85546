import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { ClientBundle } from './client';
import type { ServerContext } from './context';
import { errorHandling } from './errorHandler';
import { errorPage } from './pages';
import { assetsOf, bundleRoutes } from './routes/assets';
import { corrections } from './routes/corrections';
import { forms } from './routes/forms';
import { models } from './routes/models';
import { operations } from './routes/operations';
import { pageContext } from './routes/page';
import { past } from './routes/past';
import { predictApi } from './routes/predictApi';
import { predictionsApi } from './routes/predictionsApi';
import { predictPages } from './routes/predictPages';
import { uploadRoutes } from './routes/uploads';
import { visitors } from './routes/visitors';
import { security } from './security';

/** What `buildApp` puts together. */
export interface AppParts {
  readonly context: ServerContext;
  readonly bundle: ClientBundle;
  /** Of visionbook, for `/health` and the API's document. */
  readonly version: string;
  readonly log: FastifyBaseLogger;
}

/** Of the API's page, which comes with the server whole: nothing of it is loaded from elsewhere, and nothing stands in its lines. */
const docsPolicy = {
  'default-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'base-uri': ["'none'"],
  'object-src': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** An upload that does not come to its end within this time is given up, in ms. */
const requestTimeout = 60_000;

/**
 * The whole application, ready for `listen` or, in tests, for `inject`. It opens and closes nothing of its context.
 *
 * @returns after all plugins are loaded
 */
export async function buildApp({ context, bundle, version, log }: AppParts): Promise<FastifyInstance> {
  const { config, workspace } = context;
  const { pictureBytes, picturesPerRequest } = config.limits;
  const app = fastify({
    loggerInstance: log,
    trustProxy: config.trustProxy,
    requestTimeout,
    // A stop waits for requests under way, not for browsers that keep a connection open.
    forceCloseConnections: 'idle',
    // A query or a form that repeats a field is for its schema to judge, a prototype is for nobody to set.
    onProtoPoisoning: 'remove',
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  const assets = assetsOf(bundle);
  await app.register(errorHandling, {
    workspace,
    page: (request, reply, status, { code, message }) => errorPage(pageContext(context, assets, request, reply), { status, code, message }),
  });
  await app.register(security, config);
  await app.register(multipart, {
    throwFileSizeLimit: false,
    limits: { fileSize: pictureBytes, files: picturesPerRequest, fields: 20, fieldSize: 1000, parts: picturesPerRequest + 20 },
  });
  await app.register(forms);
  await app.register(swagger, {
    openapi: {
      info: {
        title: 'visionbook',
        version,
        description: 'Ask the models about pictures, correct them, and read the log of what they answered.',
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: docsPolicy,
    theme: { title: 'visionbook: API', css: [{ filename: 'theme.css', content: '.swagger-ui .topbar { display: none }' }] },
  });

  await app.register(operations, { context, version });
  await app.register(predictApi, context);
  await app.register(predictionsApi, context);
  await app.register(corrections, context);
  await app.register(uploadRoutes, context);
  await app.register(bundleRoutes, bundle);
  const pages = { context, assets };
  await app.register(predictPages, pages);
  await app.register(models, pages);
  await app.register(past, pages);
  await app.register(visitors, pages);
  await app.ready();
  return app;
}
