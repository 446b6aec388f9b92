#include "interpreter.h"

namespace tflite {

namespace {

#if DISPATCH_LOOP == LOOP_IN_INVOKE

constexpr const graph_interface_t *kGraphInterface = nullptr;

#else

// Kernels of IF and WHILE reach the loop through the graph.
int InvokeInner(graph_t *state, int subgraph) {
  return static_cast<Graph *>(state->owner)->InvokeSubgraph(subgraph);
}

const graph_interface_t graph_functions = {InvokeInner};
constexpr const graph_interface_t *kGraphInterface = &graph_functions;

#endif

const char *NameOf(const node_t *node) { return node->registration->custom_name != nullptr ? node->registration->custom_name : "builtin"; }

// Inlined into whichever function a generation has its loop in.
inline __attribute__((always_inline)) int RunOperators(graph_t &graph, int subgraph) {
  context_t *context = graph.context;
  const int outer_subgraph = graph.current_subgraph;
  const int outer_operator = graph.current_operator;
  const uint32_t count = graph_operator_count(&graph, subgraph);
  auto *profiler = static_cast<MicroProfilerInterface *>(context->profiler);
  graph.current_subgraph = subgraph;
  int status = 0;
  for (uint32_t index = 0; index < count && status == 0; ++index) {
    node_t *node = &graph.subgraphs[subgraph].nodes[index];
    graph.current_operator = static_cast<int32_t>(index);
    // Two call sites, as a compiler makes of TensorFlow Lite Micro's own loop.
    if (profiler != nullptr) {
      const uint32_t event = profiler->BeginEvent(NameOf(node));
      profiler->Observe(node);
      status = node->registration->invoke(context, node);
      profiler->EndEvent(event);
    } else {
      status = node->registration->invoke(context, node);
    }
  }
  graph.current_subgraph = outer_subgraph;
  graph.current_operator = outer_operator;
  return status;
}

}  // namespace

int MicroInterpreter::AllocateTensors() {
  void *profiler = context_.profiler;
  const int status =
      graph_allocate(&graph_.state, &context_, kGraphInterface, model_, memory_, size_, resolver_.registrations, resolver_.count);
  context_.profiler = profiler;
  graph_.state.owner = &graph_;
  allocated_ = status == 0;
  return status;
}

#if DISPATCH_LOOP == LOOP_IN_INVOKE

__attribute__((noinline)) int MicroInterpreter::Invoke() {
  if (!allocated_ && AllocateTensors() != 0) {
    return 1;
  }
  return RunOperators(graph_.state, 0);
}

#else

__attribute__((noinline)) int Graph::InvokeSubgraph(int subgraph) { return RunOperators(state, subgraph); }

__attribute__((noinline)) int MicroInterpreter::Invoke() {
  if (!allocated_ && AllocateTensors() != 0) {
    return 1;
  }
  return graph_.InvokeSubgraph(0);
}

#endif

}  // namespace tflite
