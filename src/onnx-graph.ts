// ONNX models in their protocol buffers, as far as graphs of a few nodes need them. A message is a list of pieces, so that a
// large matrix is copied once, into the finished model.

type Message = readonly Uint8Array[];

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];

const lengthOf = (message: Message): number => message.reduce((sum, { length }) => sum + length, 0);

const number = (field: number, value: number): Message => [
  Uint8Array.from([...varint(field << 3), ...varint(value)]),
];
const bytes = (field: number, content: Message): Message => [
  Uint8Array.from([...varint((field << 3) | 2), ...varint(lengthOf(content))]),
  ...content,
];
const text = (field: number, content: string): Message => bytes(field, [Buffer.from(content)]);

const elementTypes = { float32: 1, int64: 7 } as const;

/** An input or output: its dimensions have names and are open. */
interface GraphValue {
  name: string;
  type: keyof typeof elementTypes;
  dims: readonly string[];
}

interface GraphNode {
  type: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Whole numbers, as flags are. */
  attributes?: Readonly<Record<string, number>>;
}

/** A matrix that is part of the model. */
interface GraphConstant {
  name: string;
  dims: readonly [number, number];
  values: Float32Array;
}

interface Graph {
  nodes: readonly GraphNode[];
  inputs: readonly GraphValue[];
  outputs: readonly GraphValue[];
  constants?: readonly GraphConstant[];
}

const integerAttribute = 2;

const nodeOf = ({ type, inputs, outputs, attributes = {} }: GraphNode): Message => [
  ...inputs.flatMap((name) => text(1, name)),
  ...outputs.flatMap((name) => text(2, name)),
  ...text(4, type),
  ...Object.entries(attributes).flatMap(([name, value]) =>
    bytes(5, [...text(1, name), ...number(3, value), ...number(20, integerAttribute)]),
  ),
];

const openValue = ({ name, type, dims }: GraphValue): Message => {
  const shape = dims.flatMap((dim) => bytes(1, text(2, dim)));
  const tensor = [...number(1, elementTypes[type]), ...bytes(2, shape)];
  return [...text(1, name), ...bytes(2, bytes(1, tensor))];
};

const constantOf = ({ name, dims, values }: GraphConstant): Message => [
  ...dims.flatMap((dim) => number(1, dim)),
  ...number(2, elementTypes.float32),
  ...text(8, name),
  ...bytes(9, [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]),
];

/** The graph as a model (IR 8, opset 17) that ONNX Runtime opens. */
export const onnxModel = ({ nodes, inputs, outputs, constants = [] }: Graph): Uint8Array =>
  Buffer.concat([
    ...number(1, 8),
    ...bytes(8, number(2, 17)),
    ...bytes(7, [
      ...nodes.flatMap((node) => bytes(1, nodeOf(node))),
      ...text(2, 'graph'),
      ...constants.flatMap((constant) => bytes(5, constantOf(constant))),
      ...inputs.flatMap((input) => bytes(11, openValue(input))),
      ...outputs.flatMap((output) => bytes(12, openValue(output))),
    ]),
  ]);
