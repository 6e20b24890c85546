import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { TensorFlowEngine } from '../engine';
import type { NativeBackend } from './operations';

/** Updates variables by their gradients. `dispose` frees its moments. */
export interface Optimizer {
  /** Of the next step. */
  learningRate: number;
  /** One step on all variables, given a gradient for each by the variable's name. */
  applyGradients(gradients: Readonly<Record<string, Tensor>>): void;
  dispose(): void;
}

/** Keras' defaults, which are those of the paper but for ε. */
const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-7;

/**
 * Adam (Kingma and Ba 2015, arXiv:1412.6980), in the form that Keras and TensorFlow have, from the end of the paper's section 2:
 * θ ← θ − α · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε). TensorFlow.js adds its ε after correcting v instead, and the two part where gradients are small.
 *
 * @param learningRate α, which may change between steps
 */
export function adam(engine: TensorFlowEngine, variables: readonly Variable[], learningRate: number): Optimizer {
  return engine.backend === 'native' ? fusedAdam(engine, variables, learningRate) : composedAdam(engine, variables, learningRate);
}

function composedAdam({ tf }: TensorFlowEngine, variables: readonly Variable[], learningRate: number): Optimizer {
  const zeros = (variable: Variable): Variable => tf.tidy(() => tf.variable(tf.zerosLike(variable), false));
  const states = variables.map((variable) => ({ variable, first: zeros(variable), second: zeros(variable) }));
  let steps = 0;
  return {
    learningRate,
    applyGradients(gradients) {
      steps++;
      const rate = (this.learningRate * Math.sqrt(1 - beta2 ** steps)) / (1 - beta1 ** steps);
      tf.tidy(() => {
        for (const { variable, first, second } of states) {
          const gradient = gradients[variable.name]!;
          first.assign(first.add(gradient.sub(first).mul(1 - beta1)));
          second.assign(
            second.add(
              gradient
                .square()
                .sub(second)
                .mul(1 - beta2),
            ),
          );
          variable.assign(variable.sub(first.mul(rate).div(second.sqrt().add(epsilon))));
        }
      });
    },
    dispose: () => tf.dispose(states.map(({ first, second }) => [first, second])),
  };
}

let named = 0;

/** The same by TensorFlow's own `ResourceApplyAdam`: one pass over the memory instead of a dozen. It wants its numbers in resources. */
function fusedAdam({ tf }: TensorFlowEngine, variables: readonly Variable[], learningRate: number): Optimizer {
  const backend = tf.backend() as unknown as NativeBackend;
  const { TF_ATTR_TYPE, TF_ATTR_BOOL, TF_ATTR_STRING, TF_ATTR_SHAPE, TF_FLOAT } = backend.binding;
  const type = (name: string): object => ({ name, type: TF_ATTR_TYPE, value: TF_FLOAT });
  const flag = (name: string, value: boolean): object => ({ name, type: TF_ATTR_BOOL, value });
  const run = (operation: string, attributes: readonly object[], ...inputs: Tensor[]): void => {
    backend.executeMultipleOutputs(operation, attributes, inputs, 0);
  };
  const write = (resource: Tensor, value: Tensor): void => run('AssignVariableOp', [type('dtype')], resource, value);
  const resourceLike = ({ shape }: Variable): Tensor =>
    tf.keep(
      backend.executeSingleOutput(
        'VarHandleOp',
        [
          type('dtype'),
          { name: 'shape', type: TF_ATTR_SHAPE, value: shape },
          { name: 'shared_name', type: TF_ATTR_STRING, value: `visionbook/adam/${named++}` },
          { name: 'container', type: TF_ATTR_STRING, value: '' },
        ],
        [],
      ),
    );
  const states = variables.map((variable) => {
    const [weights, first, second] = [resourceLike(variable), resourceLike(variable), resourceLike(variable)];
    tf.tidy(() => {
      write(first, tf.zerosLike(variable));
      write(second, tf.zerosLike(variable));
    });
    return { variable, weights, first, second };
  });
  let steps = 0;
  return {
    learningRate,
    applyGradients(gradients) {
      steps++;
      const attributes = [type('T'), flag('use_locking', false), flag('use_nesterov', false)];
      tf.tidy(() => {
        const scalars = [beta1 ** steps, beta2 ** steps, this.learningRate, beta1, beta2, epsilon].map((value) => tf.scalar(value));
        for (const { variable, weights, first, second } of states) {
          write(weights, variable); // shares the variable's memory; the next operation copies before it writes
          run('ResourceApplyAdam', attributes, weights, first, second, ...scalars, gradients[variable.name]!);
          variable.assign(backend.executeSingleOutput('ReadVariableOp', [type('dtype')], [weights]));
        }
      });
    },
    dispose() {
      for (const { weights, first, second } of states) {
        for (const resource of [weights, first, second]) {
          run('DestroyResourceOp', [flag('ignore_lookup_error', true)], resource);
          resource.dispose();
        }
      }
    },
  };
}
