// An interpreter with the outer shape of TensorFlow Lite Micro's: the names by which its loop over operators is known, and the
// structures of graph.h. Three generations, chosen by DISPATCH_LOOP:
//   LOOP_IN_INVOKE       the loop is in MicroInterpreter::Invoke (TF 2.3, 2.4)
//   LOOP_IN_MICRO_GRAPH  in MicroGraph::InvokeSubgraph (from May 2021)
//   LOOP_IN_VIRTUAL      in MicroInterpreterGraph::InvokeSubgraph, a virtual function (from September 2023)
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include <stddef.h>
#include <stdint.h>

#include "graph.h"

#define LOOP_IN_INVOKE 1
#define LOOP_IN_MICRO_GRAPH 2
#define LOOP_IN_VIRTUAL 3

namespace tflite {

// Told of the begin and end of each operator. Its calls pass an object and a pointer, as a kernel's do, and are none.
class MicroProfilerInterface {
 public:
  virtual uint32_t BeginEvent(const char *tag) = 0;
  virtual void EndEvent(uint32_t event) = 0;
  // The nearest miss: a call with a context and a real node, whose target is not the node's kernel.
  virtual void Observe(const node_t *node) = 0;
};

#if DISPATCH_LOOP == LOOP_IN_VIRTUAL

class MicroGraphInterface {
 public:
  virtual int InvokeSubgraph(int subgraph) = 0;
};

class MicroInterpreterGraph : public MicroGraphInterface {
 public:
  int InvokeSubgraph(int subgraph) override;
  graph_t state;
};

using Graph = MicroInterpreterGraph;

#elif DISPATCH_LOOP == LOOP_IN_MICRO_GRAPH

class MicroGraph {
 public:
  int InvokeSubgraph(int subgraph);
  graph_t state;
};

using Graph = MicroGraph;

#else

// One subgraph only: the interpreter runs it itself.
struct Graph {
  graph_t state;
};

#endif

// The registrations that a program uses, copied into RAM as a program's resolver holds them.
class MicroMutableOpResolver {
 public:
  using Function = int (*)(context_t *, node_t *);
  void Add(int32_t code, Function prepare, Function invoke) { registrations[count++] = {nullptr, nullptr, prepare, invoke, nullptr, code, nullptr}; }
  registration_t registrations[12];
  int count;
};

class MicroInterpreter {
 public:
  MicroInterpreter(const uint8_t *model, const MicroMutableOpResolver &resolver, uint8_t *memory, size_t size)
      : model_(model), resolver_(resolver), memory_(memory), size_(size), allocated_(false) {}
  int AllocateTensors();
  int Invoke();
  void SetProfiler(MicroProfilerInterface *profiler) { context_.profiler = profiler; }
  eval_tensor_t *input(int index) { return &graph_.state.subgraphs[0].tensors[graph_inputs(&graph_.state, 0)->data[index]]; }
  eval_tensor_t *output(int index) { return &graph_.state.subgraphs[0].tensors[graph_outputs(&graph_.state, 0)->data[index]]; }
  int outputs() const { return graph_outputs(&graph_.state, 0)->size; }
  uint32_t arena_used_bytes() const { return ::arena_used_bytes(graph_.state.arena); }

 private:
  const uint8_t *model_;
  const MicroMutableOpResolver &resolver_;
  uint8_t *memory_;
  size_t size_;
  bool allocated_;
  context_t context_;
  Graph graph_;
};

}  // namespace tflite

#endif
