import { stringify } from 'yaml';
import { type ModelCard, modelMetadata } from '../models';

/** The Python environment that a model is loaded in: those versions that the tests load one with, the ONNX Runtime being `onnxruntime-node`'s. */
const python = '3.11.7';
const requirements = { mlflow: '3.17.2', numpy: '2.4.6', onnx: '1.23.2', onnxruntime: '1.30.0' };

/** The ONNX file of a model that was sent to MLflow. */
export interface SentModel {
  readonly card: ModelCard;
  readonly bytes: number;
  readonly sha256: string;
  /** MLflow's id of the run that it belongs to, and the model's folder among the run's artifacts. */
  readonly run: string;
  readonly folder: string;
}

/**
 * What `mlflow.onnx.save_model` of Python writes beside `model.onnx`, by name: with it `mlflow.onnx.load_model` and `mlflow.pyfunc.load_model` read the model.
 * https://mlflow.org/docs/latest/ml/model/#storage-format
 */
export function flavourFiles(model: SentModel): Readonly<Record<string, string>> {
  const packages = Object.entries(requirements).map(([name, version]) => `${name}==${version}`);
  return {
    MLmodel: yaml(describe(model)),
    'requirements.txt': packages.join('\n'),
    'conda.yaml': yaml({
      channels: ['conda-forge'],
      dependencies: [`python=${python}`, 'pip', { pip: packages }],
      name: 'mlflow-env',
    }),
    'python_env.yaml': yaml({ python, build_dependencies: ['pip', 'setuptools', 'wheel'], dependencies: ['-r requirements.txt'] }),
  };
}

function describe({ card, bytes, sha256, run, folder }: SentModel): object {
  const { imageSize, classes, createdAt } = card;
  const data = 'model.onnx';
  return {
    artifact_path: folder,
    flavors: {
      // No GPU's, as `mlflow.onnx` would name: where a named provider is missing, MLflow warns at each load.
      onnx: { code: null, data, onnx_session_options: null, onnx_version: requirements.onnx, providers: ['CPUExecutionProvider'] },
      python_function: {
        data,
        env: { conda: 'conda.yaml', virtualenv: 'python_env.yaml' },
        loader_module: 'mlflow.onnx',
        python_version: python,
      },
    },
    metadata: { ...modelMetadata(card), classes },
    mlflow_version: requirements.mlflow,
    model_size_bytes: bytes,
    model_uuid: sha256.slice(0, 32),
    run_id: run,
    signature: {
      inputs: JSON.stringify([tensor('image', 'uint8', [-1, imageSize, imageSize, 3])]),
      outputs: JSON.stringify([tensor('probabilities', 'float32', [-1, classes.length])]),
      params: null,
    },
    utc_time_created: createdAt.replace('T', ' ').replace('Z', ''),
  };
}

/** An entry of a signature; -1 is a dimension of any size. */
function tensor(name: string, dtype: string, shape: readonly number[]): object {
  return { name, type: 'tensor', 'tensor-spec': { dtype, shape } };
}

/** Python reads YAML 1.1, where `yes` and a time without quotation marks are no text. */
function yaml(value: object): string {
  return stringify(value, { version: '1.1', lineWidth: 0 });
}
